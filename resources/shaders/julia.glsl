// The Julia set of z -> z^2 + c, from orbits to the screen, in one file: every `#if defined` is a stage, and
// app/visual/program.py puts `#version 330` and the stage's name above this text.
//
//   VERTEX    one triangle that covers the picture
//   COUNT     smooth iteration count and distance as numbers (what tests compare with engine.kernels.julia)
//   JULIA     the picture of one moment, linear light, 0 to 1
//   RESOLVE   temporal anti-aliasing: this moment joined with those before, moved to where they are now
//   LIMIT     photosensitivity: how much of the new picture each cell of a coarse grid may take
//   SPREAD    the least of that over each cell and its neighbours
//   BLEND     the last picture shown, moved on by that much
//   PRESENT   linear light to the screen, at the screen's size

#if defined(VERTEX)

void main() {
    vec2 corner = vec2(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0);
    gl_Position = vec4(corner, 0.0, 1.0);
}

#elif defined(COUNT) || defined(JULIA)

uniform vec2 u_size;        // pixels
uniform vec2 u_axis;        // plane per pixel, as a complex number: magnification and turn
uniform vec2 u_middle;      // point of the plane in the middle of the picture
uniform vec2 u_jitter;      // pixels, within half of one
uniform vec2 u_c;
uniform int u_iterations;

const float BAILOUT = 256.0;
const float LOG_BAILOUT = 5.545177444479562;

vec2 times(vec2 a, vec2 b) { return vec2(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x); }

vec2 plane(vec2 pixel) { return u_middle + times(u_axis, pixel - 0.5 * u_size); }

struct Orbit {
    bool left;          // it went beyond the bailout radius
    float count;        // smooth iteration count
    float distance;     // from the set, plane units; 0 inside
    vec2 outwards;      // unit vector along which the distance grows, plane axes
    float origin;       // least |z|^2 of the orbit: the critical point's basin
    float axes;         // least |x y|
    float ring;         // least | |z|^2 - r |
    float stripe;       // mean of sin(2 arg z) / 2 + 1/2 over the orbit
    float early;        // the same over its first steps, the first weighing most
    float steep;        // |dz/dz_0|^2 after 15 steps
};

Orbit walk(vec2 z) {
    Orbit o = Orbit(false, float(u_iterations) + 1.0, 0.0, vec2(0.0), 1e9, 1e9, 1e9, 0.0, 0.0, 1.0);
    vec2 slope = vec2(1.0, 0.0);
    float lost = 1.0;
    float size = dot(z, z);
    int n = 0;
#if defined(JULIA)
    float stripes = 0.0, last = 0.5, steps = 0.0, weight = 0.25;
#endif
    for (n = 0; n <= u_iterations; n++) {
        size = dot(z, z);
        if (size > BAILOUT * BAILOUT) { o.left = true; break; }
        // Single precision holds 2^126, which 63 squarings can reach: what overflows is put aside. A slope
        // that has vanished belongs to an orbit that an attracting cycle has caught: it never leaves.
        if ((n & 15) == 15) {
            float steep = dot(slope, slope);
#if defined(JULIA)
            if (n == 15) o.steep = steep;
#endif
            if (steep > 1e24) { slope *= 1e-12; lost *= 1e-12; }
            if (steep < 1e-14) break;
        }
#if defined(JULIA)
        if (n > 0) {
            o.origin = min(o.origin, size);
            o.axes = min(o.axes, abs(z.x * z.y));
            o.ring = min(o.ring, abs(size - 0.36));
            last = 0.5 + z.x * z.y / max(size, 1e-12);
            stripes += last;
            steps += 1.0;
            o.early += weight * last;
            weight *= n < 15 ? 0.78 : 0.0;
        }
#endif
        slope = 2.0 * times(z, slope);
        z = vec2(z.x * z.x - z.y * z.y, 2.0 * z.x * z.y) + u_c;
    }
    if (o.left) {
        float log_size = 0.5 * log(size);
        o.count = float(n) + 1.0 - log2(log_size / LOG_BAILOUT);
        o.distance = sqrt(size) * log_size / max(length(slope), 1e-30) * lost;
        // The gradient of the potential: z / slope, turned as complex numbers turn.
        vec2 along = vec2(dot(z, slope), z.y * slope.x - z.x * slope.y);
        o.outwards = along / max(length(along), 1e-30);
    }
#if defined(JULIA)
    // The mean, moved smoothly from one step of the orbit to the next.
    float before = (stripes - last) / max(steps - 1.0, 1.0);
    float with = stripes / max(steps, 1.0);
    o.stripe = o.left ? mix(before, with, clamp(o.count - float(n), 0.0, 1.0)) : with;
#endif
    return o;
}

#if defined(COUNT)

out vec2 f_count;

void main() {
    Orbit o = walk(plane(gl_FragCoord.xy + u_jitter));
    f_count = vec2(o.left ? o.count : float(u_iterations) + 1.0, o.distance);
}

#else

uniform sampler2D u_palette;    // linear light along x, periodic
uniform int u_samples;          // points a pixel on the edges of the set
uniform vec2 u_light;           // direction the light comes from, screen axes
uniform float u_unit;           // plane units of 1/720 of the picture's height
uniform float u_hue;            // turns
uniform float u_pulse;          // 0..1
uniform float u_glow;           // 0..1
uniform float u_density;        // turns of the palette for a doubling of the count or halving of the distance
uniform float u_count;          // 0..1: how much of the colour is the count's, the rest being the distance's
uniform float u_spark;          // turns from the palette's start to the filaments' colour
uniform float u_relief;         // 0..1
uniform float u_edge;           // 0..1: light of the filaments
uniform float u_halo;           // 1/720 of the height: how far that light reaches
uniform float u_ground;         // 0..1: how dark it is far from the set
uniform float u_trap;           // 0..1: shapes that the orbits draw where they pass near
uniform float u_stripe;         // 0..1: silk
uniform float u_inside;         // 0..1: light inside the set
uniform float u_exposure;

out vec4 f_colour;

vec3 palette(float turns) { return textureLod(u_palette, vec2(turns, 0.5), 0.0).rgb; }

vec3 inside(Orbit o) {
    // Rings about every point that the orbit of 0 passes on its way, petals along the axes between them.
    float rings = log2(1.0 + 1.0 / max(o.steep, 1e-18));
    float depth = clamp(sqrt(o.origin), 0.0, 1.0);
    float petals = sqrt(sqrt(o.axes));
    float turns = 0.055 * rings + 0.45 * depth + (0.25 + 0.6 * u_stripe) * o.early;
    vec3 colour = palette(u_hue + 0.6 + turns);
    float shape = 0.5 + 0.5 * cos(0.9 * rings + 6.0 * o.early);
    colour *= (0.16 + 0.42 * shape * shape) * smoothstep(0.0, 0.25, depth + 0.05);
    float lines = exp(-16.0 * petals) + 0.5 * exp(-10.0 * sqrt(o.ring));
    colour += palette(u_hue + 0.35 + petals) * lines * u_trap * (0.25 + 0.5 * u_pulse);
    return colour * u_inside;
}

vec3 outside(Orbit o) {
    float far = o.distance / u_unit;
    // Depth by distance stays calm where the set is dense, depth by count shows every turn of a spiral.
    float near = log2(1.0 + 420.0 / max(far, 0.5)) - 1.0;
    float count = log2(1.0 + 0.7 * max(o.count - 3.0, 0.0));
    float calm = 1.0 - u_count * smoothstep(0.6, 5.0, far);
    float silk = u_stripe * (o.stripe - 0.5) * smoothstep(4.0, 10.0, o.count);
    float turns = u_density * mix(1.15 * count, near, calm) + 0.5 * silk;
    vec3 colour = palette(u_hue + turns);

    // Light that stays where it is while the picture turns.
    vec2 facing = times(o.outwards, vec2(u_axis.x, -u_axis.y)) / length(u_axis);
    float slope = dot(facing, u_light);
    float lit = 0.5 + 0.5 * slope;
    float relief = u_relief * smoothstep(0.2, 1.5, far) * (0.35 + 0.65 * exp(-far / 90.0));
    colour *= mix(1.0, 0.22 + 1.25 * lit * lit, relief);
    float gleam = pow(max(slope, 0.0), 24.0) * exp(-far / 40.0) * smoothstep(0.5, 3.0, far);
    // In the picture's own colours: white on a dark ground is smoke.
    colour += u_relief * gleam * (0.6 * colour + 0.06 * palette(u_hue + u_spark));

    // Filaments: a thin bright line where the set is, and what it lights around itself.
    float thread = exp(-far * 0.8);
    float halo = exp(-far / (u_halo * (0.7 + 1.1 * u_pulse)));
    vec3 spark = palette(u_hue + u_spark + 0.02 * count);
    colour += u_edge * (0.35 + 0.9 * u_pulse) * halo * spark * 0.5;
    colour = mix(colour, spark * (0.75 + 0.6 * u_pulse), u_edge * 0.7 * thread);

    float petals = sqrt(sqrt(o.axes));
    float lines = exp(-22.0 * petals) + 0.5 * exp(-18.0 * sqrt(o.ring));
    colour += palette(u_hue + 0.33 + petals) * lines * u_trap * 0.6;

    // Away from the set it gets dark, so that the set is what one sees.
    float close = exp(-max(far - 6.0, 0.0) / 110.0);
    return colour * mix(1.0, 0.05 + 0.95 * close, u_ground);
}

vec3 shade(vec2 pixel, out float far_pixels) {
    Orbit o = walk(plane(pixel));
    far_pixels = o.left ? o.distance / length(u_axis) : 9.0;
    if (o.left) return outside(o);
    return inside(o);
}

vec3 toned(vec3 colour) {
    // A shoulder by the brightest channel, so that bright colours keep their hue; below a half nothing changes.
    colour *= u_exposure * (0.72 + 0.38 * u_glow);
    float peak = max(max(colour.r, colour.g), max(colour.b, 1e-6));
    float over = max(peak - 0.5, 0.0);
    float mapped = peak < 0.5 ? peak : 0.5 + 0.5 * over / (over + 0.5);
    colour *= mapped / peak;
    return mix(colour, vec3(mapped), 0.35 * smoothstep(0.8, 3.0, peak));
}

void main() {
    float far;
    vec2 pixel = gl_FragCoord.xy + u_jitter;
    vec3 colour = toned(shade(pixel, far));
    if (u_samples > 1 && far < 1.5) {
        float unused;
        for (int i = 1; i < u_samples; i++) {
            // The R2 sequence: spread evenly for any number of points.
            vec2 offset = fract(vec2(0.7548776662, 0.5698402910) * float(i)) - 0.5;
            colour += toned(shade(pixel + offset, unused));
        }
        colour /= float(u_samples);
    }
    vec2 place = gl_FragCoord.xy / u_size - 0.5;
    colour *= 1.0 - 0.55 * smoothstep(0.25, 0.80, length(place));
    f_colour = vec4(clamp(colour, 0.0, 1.0), 1.0);
}

#endif

#elif defined(RESOLVE)

uniform sampler2D u_now;
uniform sampler2D u_before;
uniform vec2 u_size;
uniform vec2 u_turn;        // from a pixel now to the pixel before, about the middle: a complex number
uniform vec2 u_shift;       // pixels
uniform float u_share;      // of the new picture
out vec4 f_colour;

void main() {
    ivec2 here = ivec2(gl_FragCoord.xy);
    ivec2 last = ivec2(u_size) - 1;
    vec3 now = texelFetch(u_now, here, 0).rgb;
    vec3 low = now, high = now;
    for (int i = 0; i < 4; i++) {
        ivec2 step = ivec2(i == 0 ? 1 : (i == 1 ? -1 : 0), i == 2 ? 1 : (i == 3 ? -1 : 0));
        vec3 beside = texelFetch(u_now, clamp(here + step, ivec2(0), last), 0).rgb;
        low = min(low, beside);
        high = max(high, beside);
    }
    vec2 offset = gl_FragCoord.xy - 0.5 * u_size;
    vec2 moved = vec2(offset.x * u_turn.x - offset.y * u_turn.y, offset.x * u_turn.y + offset.y * u_turn.x);
    vec2 place = (moved + u_shift) / u_size + 0.5;
    vec3 before = textureLod(u_before, place, 0.0).rgb;
    float seen = place == clamp(place, 0.0, 1.0) ? 1.0 : 0.0;
    f_colour = vec4(mix(now, clamp(before, low, high), (1.0 - u_share) * seen), 1.0);
}

#elif defined(LIMIT)

// What flashes is judged on cells a quarter of the area that WCAG 2.3.1 lets flash (app/visual/flash_limiter.py).
uniform sampler2D u_now;
uniform sampler2D u_shown;
uniform sampler2D u_state;
uniform vec2 u_cells;
uniform float u_dt;         // seconds
uniform float u_turns;      // turns that may be taken at once
uniform float u_rate;       // and a second
uniform vec2 u_step;        // change of luminance and of red that counts as a turn
uniform float u_free;       // share of that step that is always free
uniform bool u_first;
out vec4 f_state;           // share, turns left, course of luminance, course of red

const int POINTS = 12;

vec2 judged(sampler2D picture) {
    vec3 sum = vec3(0.0);
    for (int y = 0; y < POINTS; y++)
        for (int x = 0; x < POINTS; x++) {
            vec2 inner = (vec2(x, y) + 0.5) / float(POINTS);
            sum += textureLod(picture, (floor(gl_FragCoord.xy) + inner) / u_cells, 0.0).rgb;
        }
    sum /= float(POINTS * POINTS);
    float all = sum.r + sum.g + sum.b;
    // Only a saturated red counts: its share of the light is 0.8 or more.
    float red = max(sum.r - sum.g - sum.b, 0.0) * smoothstep(0.70, 0.80, sum.r / max(all, 1e-6));
    return vec2(dot(sum, vec3(0.2126, 0.7152, 0.0722)), red);
}

// A course is the furthest value of the way that is under way, plus 1; negative on the way down.
float followed(float course, float shown, float step, inout float left) {
    float way = sign(course), furthest = abs(course) - 1.0;
    if (way * (shown - furthest) >= 0.0) return way * (shown + 1.0);
    if (abs(shown - furthest) < step) return course;
    left -= 1.0;
    return -way * (shown + 1.0);
}

// How much of the change may be shown: all of it on the same way, and against it while turns are left.
float allowed(float course, float shown, float now, float free, float left) {
    float way = sign(course), furthest = abs(course) - 1.0;
    if (left >= 1.0 || way * (now - furthest) >= -free) return 1.0;
    float room = way * (shown - (furthest - way * free));
    return clamp(room / max(abs(now - shown), 1e-5), 0.0, 1.0);
}

void main() {
    vec2 now = judged(u_now);
    if (u_first) { f_state = vec4(1.0, u_turns, now + 1.0); return; }
    vec2 shown = judged(u_shown);
    vec4 state = texelFetch(u_state, ivec2(gl_FragCoord.xy), 0);
    // What was shown last is measured, not believed: what neighbours let through is paid for, too.
    float left = min(state.y + u_rate * u_dt, u_turns);
    float course = followed(state.z, shown.x, u_step.x, left);
    float red = followed(state.w, shown.y, u_step.y, left);
    float share = min(allowed(course, shown.x, now.x, u_free * u_step.x, left),
                      allowed(red, shown.y, now.y, u_free * u_step.y, left));
    f_state = vec4(share, left, course, red);
}

#elif defined(SPREAD)

// Between the middles of two cells the share is interpolated. Of these values none lets a point of a cell take
// more than the cell may, whatever its neighbours do.
uniform sampler2D u_state;
out vec4 f_share;

void main() {
    ivec2 here = ivec2(gl_FragCoord.xy);
    ivec2 last = textureSize(u_state, 0) - 1;
    float share = 1.0;
    for (int y = -1; y <= 1; y++)
        for (int x = -1; x <= 1; x++)
            share = min(share, texelFetch(u_state, clamp(here + ivec2(x, y), ivec2(0), last), 0).r);
    f_share = vec4(share);
}

#elif defined(BLEND)

uniform sampler2D u_now;
uniform sampler2D u_shown;
uniform sampler2D u_share;
uniform vec2 u_size;
out vec4 f_colour;

void main() {
    ivec2 here = ivec2(gl_FragCoord.xy);
    float share = textureLod(u_share, gl_FragCoord.xy / u_size, 0.0).r;
    vec3 now = texelFetch(u_now, here, 0).rgb;
    if (share >= 1.0) { f_colour = vec4(now, 1.0); return; }
    f_colour = vec4(mix(texelFetch(u_shown, here, 0).rgb, now, clamp(share, 0.0, 1.0)), 1.0);
}

#elif defined(PRESENT)

uniform sampler2D u_picture;
uniform vec2 u_size;        // of the screen
uniform bool u_flip;        // rows from the top, for pictures in memory
uniform bool u_swap;        // blue first
uniform bool u_linear;      // as it is: a copy for another size
out vec4 f_colour;

void main() {
    vec2 place = gl_FragCoord.xy / u_size;
    if (u_flip) place.y = 1.0 - place.y;
    vec3 light = textureLod(u_picture, place, 0.0).rgb;
    if (u_linear) { f_colour = vec4(light, 1.0); return; }
    vec3 colour = mix(12.92 * light, 1.055 * pow(max(light, 1e-6), vec3(1.0 / 2.4)) - 0.055,
                      step(0.0031308, light));
    // Half a step of noise that stands still: dark gradients show no bands.
    float noise = fract(52.9829189 * fract(dot(floor(gl_FragCoord.xy), vec2(0.06711056, 0.00583715)))) - 0.5;
    colour = clamp(colour + noise / 255.0, 0.0, 1.0);
    f_colour = vec4(u_swap ? colour.bgr : colour, 1.0);
}

#endif
