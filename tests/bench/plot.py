"""plot - lines over a logarithmic axis, as SVG that a browser and a code host can show. No library is needed."""
import html
import math

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 70, 150, 40, 50
COLOURS = ("#1b6ca8", "#c4552d", "#3c8d40", "#8a4fa3", "#7d6b2e")
# From there on a value's axis is logarithmic, too.
WIDE = 30


def short(value):
    for size, unit in ((1 << 30, "Gi"), (1 << 20, "Mi"), (1 << 10, "Ki")):
        if value >= size and value % size == 0:
            return f"{value // size}{unit}"
    for size, unit in ((1_000_000, "M"), (1000, "k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


class Axis:
    """Maps values to places between two ends."""

    def __init__(self, values, begin, end, is_log):
        self.begin, self.end, self.is_log = begin, end, is_log
        low, high = min(values), max(values)
        if is_log:
            self.low, self.high = math.log(low), math.log(high if high > low else low * 10)
        else:
            self.low, self.high = 0.0, high * 1.15 or 1.0

    def at(self, value):
        value = math.log(value) if self.is_log else value
        return self.begin + (value - self.low) / (self.high - self.low) * (self.end - self.begin)

    def marks(self):
        if self.is_log:
            first, last = math.floor(self.low / math.log(10)), math.ceil(self.high / math.log(10))
            return [10.0 ** i for i in range(first, last + 1) if self.low - 0.01 <= i * math.log(10) <= self.high + 0.01]
        step = 10 ** math.floor(math.log10(self.high))
        step = next(one for one in (step / 5, step / 2, step, step * 2) if self.high / one <= 8)
        return [i * step for i in range(int(self.high / step) + 1)]


def text(x, y, what, anchor="middle", more=""):
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"{" " + more if more else ""}>{html.escape(what, quote=False)}</text>'


def lines(title, x_name, y_name, series):
    """series: {name: {x: y}}; the text of an SVG file."""
    xs = sorted({x for points in series.values() for x in points})
    ys = [y for points in series.values() for y in points.values()]
    is_wide = min(ys) > 0 and max(ys) / min(ys) > WIDE
    across, up = Axis(xs, LEFT, WIDTH - RIGHT, True), Axis(ys, HEIGHT - BOTTOM, TOP, is_wide)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>', text(WIDTH / 2, 22, title, more='font-size="15"'),
           text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, x_name), text(16, HEIGHT / 2, y_name, more=f'transform="rotate(-90 16 {HEIGHT // 2})"')]
    for y in up.marks():
        out.append(f'<path d="M{LEFT} {up.at(y):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        out.append(text(LEFT - 6, up.at(y) + 4, short(y), "end"))
    for x in xs:
        out.append(f'<path d="M{across.at(x):.1f} {HEIGHT - BOTTOM}v5" stroke="#333"/>')
        out.append(text(across.at(x), HEIGHT - BOTTOM + 18, short(x)))
    out.append(f'<path d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}" fill="none" stroke="#333"/>')
    for i, (name, points) in enumerate(series.items()):
        colour = COLOURS[i % len(COLOURS)]
        places = [(across.at(x), up.at(points[x])) for x in sorted(points)]
        out.append('<path d="M' + "L".join(f"{x:.1f} {y:.1f}" for x, y in places) + f'" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        out.append(text(WIDTH - RIGHT + 12, TOP + 14 + 18 * i, name, "start", f'fill="{colour}"'))
    return "\n".join(out + ["</svg>"]) + "\n"
