// A disc of shade on the ground under each body: what a ball of that size hides of the sky.
#include "frame.glsl"
layout(location = 0) in vec2 corner;
layout(location = 1) in vec4 ball;  // centre, radius, m
out vec2 offset;
flat out vec2 height_radius;
flat out float strength;

void main() {
    float height = max(ball.z, ball.w * 0.6);
    // What is far up hides next to nothing and gets no pixels, nor does what is below the ground.
    strength = (1.0 - smoothstep(3.0, 6.0, height / ball.w)) * smoothstep(-ball.w, 0.0, ball.z);
    offset = corner * (2.0 * height + ball.w) * step(0.001, strength);
    height_radius = vec2(height, ball.w);
    gl_Position = view_projection * vec4(ball.xy + offset, 0.0, 1.0);
}
