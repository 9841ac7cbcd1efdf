// A rectangle from where the ground ends to the top of the picture.
#include "frame.glsl"
layout(location = 0) in vec2 corner;
out vec3 ray;

void main() {
    mat4 inverted = inverse(view_projection);
    vec4 ahead = inverted * vec4(0.0, 0.0, 1.0, 1.0);
    vec2 flat_ahead = normalize(ahead.xy / ahead.w - eye.xy);
    vec4 end = view_projection * vec4(eye.xy + 100.0 * flat_ahead, 0.0, 1.0);
    float bottom = min(end.y / end.w, 1.0);
    vec2 at = vec2(corner.x, mix(bottom, 1.0, 0.5 * corner.y + 0.5));
    vec4 far = inverted * vec4(at, 1.0, 1.0);
    ray = far.xyz / far.w - eye.xyz;
    gl_Position = vec4(at, 0.0, 1.0);
}
