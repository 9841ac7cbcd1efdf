// How much key light reaches a point, 0 dark to 1 lit: percentage-closer filtering. The map compares and interpolates
// four texels by itself, so few taps make a soft edge. The first ones go all around; only where they disagree, in the
// penumbra, does the loop go on (a software renderer leaves a loop early, but not a branch). The directions are turned
// and not looked up: an array with a changing index costs more there than all taps together.
uniform sampler2DShadow shadow_map;

bool inside(vec3 at) {
    return all(lessThan(abs(at.xy - 0.5), vec2(0.5)));
}

float tap(vec3 at, vec2 away) {
    return texture(shadow_map, vec3(at.xy + away, at.z));
}

float lit1(vec3 world) {
    vec3 at = (shadow_matrix * vec4(world, 1.0)).xyz;
    return inside(at) ? tap(at, vec2(0.0)) : 1.0;
}

float lit(vec3 world, float penumbra, int taps) {  // penumbra: radius, m
    vec3 at = (shadow_matrix * vec4(world, 1.0)).xyz;
    float radius = max(penumbra / shadow_span.x, 1.2 * shadow_span.y);
    vec2 away = radius * vec2(0.96, 0.28);
    vec2 across = vec2(-away.y, away.x);
    float sum = tap(at, away) + tap(at, across) + tap(at, -away) + tap(at, -across);
    int more = abs(sum - 2.0) > 1.999 ? 0 : taps;
    away *= 0.9;
    for (int i = 0; i < more; i++) {
        away = 0.93 * vec2(-0.737 * away.x - 0.675 * away.y, 0.675 * away.x - 0.737 * away.y);  // the golden angle
        sum += tap(at, away);
    }
    return inside(at) ? sum / (4.0 + float(more)) : 1.0;
}
