// What every program knows of the frame, and the sky that everything fades into. Colours are linear until finish().
layout(std140) uniform Frame {
    mat4 view_projection;
    mat4 shadow_matrix;  // world to shadow map: x, y in 0..1, z depth in 0..1
    vec4 eye;            // camera position, m; w: its distance from what it looks at, m
    vec4 light;          // unit vector towards the key light
    vec4 shadow_span;    // x: metres that the shadow map is wide, high and deep; y: one texel of it as a share
};

const vec3 HORIZON = vec3(0.42, 0.53, 0.66);
const vec3 ZENITH = vec3(0.055, 0.15, 0.33);
const vec3 GROUND = vec3(0.050, 0.064, 0.080);
const vec3 KEY = vec3(2.55, 2.35, 2.05);

vec3 sky(float up) {
    float t = clamp(up, 0.0, 1.0);
    return mix(HORIZON, ZENITH, clamp(2.2 * t * (1.0 - 0.5 * t), 0.0, 1.0));
}

vec3 finish(vec3 linear) {
    // Narkowicz's fit of the ACES curve, then a display gamma of 2 (a root is cheap where a power is not).
    vec3 mapped = linear * (2.51 * linear + 0.03) / (linear * (2.43 * linear + 0.59) + 0.14);
    return sqrt(clamp(mapped, 0.0, 1.0));
}
