// A glyph from its distance field, with a soft dark edge that keeps it readable on anything; or a rounded box.
uniform sampler2D atlas;

in vec2 uv;
in vec2 from_center;
flat in vec2 half_size;
flat in vec4 tone;
flat in vec2 form;
out vec4 color;

void main() {
    float distance = (texture(atlas, uv).r - 0.5) * 2.0 * form.y;  // pixels, positive inside the glyph
    float ink = clamp(distance + 0.5, 0.0, 1.0);
    float edge = 0.45 * smoothstep(-2.2, 0.5, distance);
    vec4 glyph = vec4(tone.rgb * ink / max(max(ink, edge), 1e-3), max(ink, edge) * tone.a);

    vec2 outside = abs(from_center) - half_size + form.x;
    float box = length(max(outside, 0.0)) + min(max(outside.x, outside.y), 0.0) - form.x;
    vec4 plate = vec4(tone.rgb, tone.a * clamp(0.5 - box, 0.0, 1.0));
    color = form.y > 0.0 ? glyph : plate;
}
