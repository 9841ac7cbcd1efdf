// One vertex of one thing that is no character: balls, boxes, rings; each instance with its own place, size and colour.
#include "frame.glsl"
layout(location = 0) in vec3 position;  // of a shape of size 1
layout(location = 1) in vec3 normal;
layout(location = 2) in vec4 place;     // m; w: 1 casts a shadow, 0 does not
layout(location = 3) in vec4 rotation;  // wxyz
layout(location = 4) in vec3 size;      // m, half of it
layout(location = 5) in vec3 color;     // linear

centroid out vec3 world;
centroid out vec4 normal_openness;
flat out vec4 tint_material;

vec3 rotate(vec4 wxyz, vec3 v) {
    vec3 t = 2.0 * cross(wxyz.yzw, v);
    return v + wxyz.x * t + cross(wxyz.yzw, t);
}

void main() {
    world = place.xyz + rotate(rotation, position * size);
#ifdef SHADOW
    gl_Position = vec4((shadow_matrix * vec4(world, 1.0)).xyz * 2.0 - 1.0, 1.0);
    if (place.w < 0.5) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
#else
    vec3 n = normalize(rotate(rotation, normal / size));
    normal_openness = vec4(n, 0.55 + 0.45 * smoothstep(-1.0, 0.6, n.z));
    tint_material = vec4(color, place.w < 0.5 ? 3.0 : 2.0);
    gl_ClipDistance[0] = world.z;
    gl_Position = view_projection * vec4(world, 1.0);
#endif
}
