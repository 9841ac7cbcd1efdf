// Flat marks on the ground: a stroke from a to b with round ends, a disc (a = b) or a ring around a.
#include "frame.glsl"
layout(location = 0) in vec2 corner;
layout(location = 1) in vec4 ends;   // m: a, b
layout(location = 2) in vec4 tint;   // linear colour, opacity
layout(location = 3) in vec3 form;   // m: half a stroke's width (negative: square ends), radius of a ring or 0; softness of the edge
out vec2 at;                         // m, along a to b and across
flat out float span;
flat out vec4 tone;
flat out vec3 shape;

void main() {
    vec2 way = ends.zw - ends.xy;
    span = length(way);
    way = span > 1e-6 ? way / span : vec2(1.0, 0.0);
    float margin = abs(form.x) + form.y + form.z + 0.02;
    at = vec2(mix(-margin, span + margin, 0.5 * corner.x + 0.5), corner.y * margin);
    tone = tint;
    shape = form;
    gl_Position = view_projection * vec4(ends.xy + at.x * way + at.y * vec2(-way.y, way.x), 0.0, 1.0);
}
