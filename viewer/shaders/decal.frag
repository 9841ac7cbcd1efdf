#include "frame.glsl"
in vec2 at;
flat in float span;
flat in vec4 tone;
flat in vec3 shape;
out vec4 color;

void main() {
    float distance = length(vec2(at.x - clamp(at.x, 0.0, span), at.y));
    distance = (shape.y > 0.0 ? abs(distance - shape.y) : distance) - shape.x;
    float edge = max(fwidth(distance), shape.z);
    color = vec4(finish(tone.rgb * 1.6), tone.a * clamp(0.5 - distance / max(edge, 1e-5), 0.0, 1.0));
}
