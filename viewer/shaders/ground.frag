// Matte ground with a line every metre and fainter ones every quarter, melting into the sky with distance.
#include "frame.glsl"
#ifdef CAST
#include "shadow.glsl"
#endif

in vec3 world;
out vec4 color;

float lines(vec2 at, vec2 pixel, float width) {  // antialiased grid of unit cells, lines `width` wide (after Ben Golus)
    vec2 drawn = clamp(vec2(width), pixel, vec2(0.5));
    vec2 away = 0.5 - abs(fract(at) - 0.5);
    vec2 line = clamp((drawn * 0.5 - away) / pixel * 0.7 + 0.5, 0.0, 1.0) * min(width / drawn, 1.0);
    line = mix(line, vec2(width), clamp(pixel * 2.0 - 1.0, 0.0, 1.0));
    return line.x + line.y - line.x * line.y;
}

void main() {
    vec2 pixel = fwidth(world.xy);
    float far = length(world - eye.xyz);
    float beyond = max(far - eye.w, 0.0);
    float clear = 1.0 / (1.0 + beyond * beyond * 0.0008);  // what the haze leaves
    clear *= clear;

    vec2 tile = floor(world.xy);
    float even = 2.0 * fract(0.5 * (tile.x + tile.y)) - 0.5;  // -0.5 or 0.5
    vec3 base = GROUND * (1.0 + 0.07 * even * clear + 0.315 * lines(world.xy * 4.0, pixel * 4.0, 0.028));
    base = mix(base, vec3(0.30, 0.34, 0.38), lines(world.xy, pixel, 0.016) * 0.75);

    float key = light.z;
#ifdef CAST
    key *= lit(world, 0.03, 9);
#endif
    vec3 shaded = base * (0.92 * KEY * key + vec3(0.50, 0.56, 0.64));
    color = vec4(finish(mix(HORIZON, shaded, clear)), 1.0);
}
