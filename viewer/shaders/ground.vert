// The ground: a square out to the haze, or (CAST) the rectangles of it that shadows can reach, turned along the light.
#include "frame.glsl"
layout(location = 0) in vec2 corner;  // -1 or 1
#ifdef CAST
layout(location = 1) in vec4 reach;   // m along and across the light's way over the ground: lowest, highest
#endif
out vec3 world;

void main() {
#ifdef CAST
    vec2 way = normalize(-light.xy);
    vec2 at = mix(reach.xy, reach.zw, 0.5 * corner + 0.5);
    world = vec3(at.x * way + at.y * vec2(-way.y, way.x), 0.0);
#else
    world = vec3(eye.xy + 150.0 * corner, 0.0);
#endif
    gl_Position = view_projection * vec4(world, 1.0);
}
