// Multiplied onto the ground: 1 - r^2 h / (h^2 + d^2)^1.5, the form factor of a ball over a plane.
in vec2 offset;
flat in vec2 height_radius;
flat in float strength;
out vec4 color;

void main() {
    float h = height_radius.x, r = height_radius.y;
    float edge = 2.0 * h + r;
    float fade = clamp(1.0 - dot(offset, offset) / (edge * edge), 0.0, 1.0);
    float near = inversesqrt(h * h + dot(offset, offset));
    float hidden = strength * fade * r * r * h * near * near * near;
    color = vec4(vec3(1.0 - 0.9 * min(hidden, 0.9)), 1.0);
}
