// How much key light reaches a point, 0 dark to 1 lit: percentage-closer filtering. The map compares and interpolates
// four texels by itself, so few taps make a soft edge; they lie on a Vogel disc, worked out here because sines are dear.
uniform sampler2DShadow shadow_map;

const vec2 DISC[12] = vec2[](
    vec2(0.204, 0.000), vec2(-0.261, 0.239), vec2(0.040, -0.455), vec2(0.329, 0.428),
    vec2(-0.603, -0.107), vec2(0.571, -0.363), vec2(-0.191, 0.711), vec2(-0.364, -0.702),
    vec2(0.790, 0.288), vec2(-0.822, 0.340), vec2(0.397, -0.847), vec2(0.308, 0.929)
);

bool inside(vec3 at) {
    return all(lessThan(abs(at.xy - 0.5), vec2(0.5)));
}

float lit4(vec3 world, float radius) {
    vec3 at = (shadow_matrix * vec4(world, 1.0)).xyz;
    float sum = texture(shadow_map, vec3(at.xy + radius * vec2(0.9, 0.3), at.z))
        + texture(shadow_map, vec3(at.xy + radius * vec2(-0.3, 0.9), at.z))
        + texture(shadow_map, vec3(at.xy + radius * vec2(-0.9, -0.3), at.z))
        + texture(shadow_map, vec3(at.xy + radius * vec2(0.3, -0.9), at.z));
    return inside(at) ? 0.25 * sum : 1.0;
}

float lit12(vec3 world, float radius) {
    vec3 at = (shadow_matrix * vec4(world, 1.0)).xyz;
    float sum = 0.0;
    for (int i = 0; i < 12; i++) sum += texture(shadow_map, vec3(at.xy + radius * DISC[i], at.z));
    return inside(at) ? sum / 12.0 : 1.0;
}
