#include "frame.glsl"
in vec3 ray;
out vec4 color;

void main() {
    color = vec4(finish(sky(normalize(ray).z)), 1.0);
}
