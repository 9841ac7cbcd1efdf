// The character's surface: key light with soft shadow, a cool fill from the other side, sky and ground light
// weighted by openness, a highlight and a rim.
#include "frame.glsl"
#include "shadow.glsl"

centroid in vec3 world;
centroid in vec4 normal_openness;
flat in vec4 tint_material;
out vec4 color;

void main() {
    vec3 n = normalize(normal_openness.xyz);
    float openness = normal_openness.w;
    vec3 tint = tint_material.rgb;
    int material = int(tint_material.w);
    vec3 view = normalize(eye.xyz - world);
    if (material == 3) {  // a mark in the air: takes no light
        color = vec4(finish(tint * 1.6), 1.0);
        return;
    }
    vec3 base = material == 0 ? vec3(0.62, 0.61, 0.59) : material == 1 ? vec3(0.030, 0.034, 0.042) : tint;
    float gloss = material == 1 ? 60.0 : 36.0;
    float shine = material == 1 ? 0.45 : 0.22;

    float facing = dot(n, light.xyz);
    float wrapped = clamp((facing + 0.12) / 1.12, 0.0, 1.0);
    vec3 lifted = world + 0.012 * n + 0.012 * light.xyz;
#ifdef FINE
    float key = wrapped * lit(lifted, 0.006, 0);
#else
    float key = wrapped * lit1(lifted);
#endif
    vec3 fill_direction = normalize(vec3(-light.xy, 0.35));
    float fill = clamp(dot(n, fill_direction), 0.0, 1.0);

    float near_ground = 0.35 + 0.65 * smoothstep(0.0, 0.5, world.z);
    vec3 ambient = mix(GROUND * 2.2 * near_ground, sky(0.35) * 0.95, n.z * 0.5 + 0.5) * openness;
    vec3 diffuse = base * (KEY * key * mix(0.75, 1.0, openness) + vec3(0.22, 0.25, 0.31) * fill * openness + ambient);

    vec3 halfway = normalize(light.xyz + view);
    float highlight = shine * pow(clamp(dot(n, halfway), 0.0, 1.0), gloss) * key;
    float grazing = 1.0 - clamp(dot(n, view), 0.0, 1.0);
    grazing *= grazing;
    vec3 rim = sky(max(n.z, 0.0)) * grazing * grazing * (0.2 + 0.2 * n.z) * openness;
    color = vec4(finish(diffuse + KEY * highlight + rim), 1.0);
}
