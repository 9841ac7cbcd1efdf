// Matte ground with a line every metre and fainter ones every quarter, melting into the sky with distance.
#include "frame.glsl"
#ifdef PATCH
#include "shadow.glsl"
#endif

in vec3 world;
out vec4 color;

float lines(vec2 at, float width) {  // antialiased grid of unit cells; `width` is a share of a cell (after Ben Golus)
    vec2 pixel = fwidth(at);
    vec2 drawn = clamp(vec2(width), pixel, vec2(0.5));
    vec2 away = 0.5 - abs(fract(at) - 0.5);
    vec2 line = smoothstep(drawn * 0.5 + pixel, drawn * 0.5 - pixel, away) * clamp(width / drawn, 0.0, 1.0);
    line = mix(line, vec2(width), clamp(pixel * 2.0 - 1.0, 0.0, 1.0));
    return mix(line.x, 1.0, line.y);
}

void main() {
    vec3 ray = world - eye.xyz;
    float far = length(ray);
    vec3 base = GROUND;
    vec2 tile = floor(world.xy);
    base *= 1.0 + 0.07 * (mod(tile.x + tile.y, 2.0) - 0.5) * exp2(-0.1 * far);
    base = mix(base, base * 1.9, lines(world.xy * 4.0, 0.028) * 0.35);
    base = mix(base, vec3(0.30, 0.34, 0.38), lines(world.xy, 0.016) * 0.75);

    float key = light.z;
#ifdef PATCH
    key *= lit12(world, 0.010);
#endif
    vec3 shaded = base * (0.92 * KEY * key + vec3(0.50, 0.56, 0.64));
    float beyond = max(far - eye.w, 0.0);
    float haze = 1.0 - exp2(-beyond * beyond / 500.0);
    color = vec4(finish(mix(shaded, HORIZON, haze)), 1.0);
}
