#include "frame.glsl"
in vec2 at;
flat in float span;
flat in vec4 tone;
flat in vec3 shape;
out vec4 color;

void main() {
    float along = at.x - clamp(at.x, 0.0, span);
    float distance = shape.x < 0.0 ? abs(at.y) : length(vec2(along, at.y));
    distance = (shape.y > 0.0 ? abs(distance - shape.y) : distance) - abs(shape.x);
    float edge = max(fwidth(distance), shape.z);
    float cover = clamp(0.5 - distance / max(edge, 1e-5), 0.0, 1.0);
    cover *= shape.x < 0.0 ? step(abs(along), 0.0) : 1.0;
    color = vec4(finish(tone.rgb * 1.6), tone.a * cover);
}
