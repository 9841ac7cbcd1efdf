// The goal on the ground: a square around the character, turned to the direction of travel.
#include "frame.glsl"
layout(location = 0) in vec2 corner;
layout(location = 1) in vec4 place;  // x, y m; direction of travel, facing rad
layout(location = 2) in vec4 tint;   // colour, arrow length m (0: no arrow)
layout(location = 3) in float strength;
out vec2 at;                         // m, x along the direction of travel
flat out vec2 toward;                // unit vector of facing, in that frame
flat out vec4 tone;
flat out float opacity;

void main() {
    float size = max(0.75, tint.w + 0.2);
    at = corner * size;
    float turn = place.w - place.z;
    toward = vec2(cos(turn), sin(turn));
    tone = tint;
    opacity = strength;
    float c = cos(place.z), s = sin(place.z);
    gl_Position = view_projection * vec4(place.xy + vec2(c * at.x - s * at.y, s * at.x + c * at.y), 0.0, 1.0);
}
