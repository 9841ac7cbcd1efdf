// A rectangle in pixels from the top left.
uniform vec2 screen;      // pixels
uniform vec2 atlas_size;  // pixels

layout(location = 0) in vec2 corner;
layout(location = 1) in vec4 place;   // x, y, width, height
layout(location = 2) in vec4 source;  // the same in the atlas
layout(location = 3) in vec4 tint;
layout(location = 4) in vec2 shape;   // corner radius of a box; pixels the glyph's distances span, 0: a box

out vec2 uv;
out vec2 from_center;
flat out vec2 half_size;
flat out vec4 tone;
flat out vec2 form;

void main() {
    vec2 pixel = place.xy + corner * place.zw;
    uv = (source.xy + corner * source.zw) / atlas_size;
    half_size = 0.5 * place.zw;
    from_center = (corner - 0.5) * place.zw;
    tone = tint;
    form = shape;
    gl_Position = vec4(pixel.x / screen.x * 2.0 - 1.0, 1.0 - pixel.y / screen.y * 2.0, 0.0, 1.0);
}
