// The ground: a square that shadows can reach (PATCH) and the frame around it out to the haze.
#include "frame.glsl"
layout(location = 0) in vec3 corner;  // x, y are -1 or 1; z: 0 at the patch's edge, 1 far out
out vec3 world;

void main() {
    world = vec3(shadow_patch.xy + corner.xy * mix(shadow_patch.z, 120.0, corner.z), 0.0);
    gl_Position = view_projection * vec4(world, 1.0);
}
