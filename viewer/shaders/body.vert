// One vertex of one character: its body's pose comes from a texture of 31 texels per character
// (15 positions, 15 quaternions wxyz, a colour).
#include "frame.glsl"
uniform samplerBuffer poses;
uniform int first;  // character of the first instance

layout(location = 0) in vec3 position;
layout(location = 1) in vec3 normal;
layout(location = 2) in vec3 detail;  // body, material, openness * 255

centroid out vec3 world;  // centroid: never extrapolated past the edge of a triangle
centroid out vec4 normal_openness;
flat out vec4 tint_material;

vec3 rotate(vec4 wxyz, vec3 v) {
    vec3 t = 2.0 * cross(wxyz.yzw, v);
    return v + wxyz.x * t + cross(wxyz.yzw, t);
}

void main() {
    int start = (first + gl_InstanceID) * 31;
    int body = int(detail.x);
    vec3 origin = texelFetch(poses, start + body).xyz;
    vec4 rotation = texelFetch(poses, start + 15 + body);
    world = origin + rotate(rotation, position);
#ifdef SHADOW
    gl_Position = vec4((shadow_matrix * vec4(world, 1.0)).xyz * 2.0 - 1.0, 1.0);
#else
    normal_openness = vec4(rotate(rotation, normal), 0.2 + 0.8 * detail.z / 255.0);
    tint_material = vec4(texelFetch(poses, start + 30).rgb, detail.y);
    gl_ClipDistance[0] = world.z;  // the ground, drawn before, hides what is below it
    gl_Position = view_projection * vec4(world, 1.0);
#endif
}
