// Masks: COCO's packed run lengths to a picture of segments, and colours over a photo.

export function decodeRuns(text) {
  // Seven-bit pieces, five bits of value each; from the third on a run is told as a difference.
  const runs = [];
  let at = 0;
  while (at < text.length) {
    let value = 0, shift = 0, more = true;
    while (more) {
      const piece = text.charCodeAt(at++) - 48;
      value |= (piece & 0x1f) << shift;
      more = (piece & 0x20) !== 0;
      shift += 5;
      if (!more && (piece & 0x10)) value |= -1 << shift;
    }
    if (runs.length > 2) value += runs[runs.length - 2];
    runs.push(value);
  }
  return runs;
}

export function eachRun(segmentation, visit) {
  // Runs go down the columns; the first counts pixels outside.
  const [height] = segmentation.size;
  let position = 0, inside = false;
  for (const length of decodeRuns(segmentation.counts)) {
    if (inside) {
      for (let pixel = position; pixel < position + length; pixel++) {
        visit(pixel % height, Math.floor(pixel / height));
      }
    }
    position += length;
    inside = !inside;
  }
}

export function segmentMap(answer, shown) {
  // Number of the uppermost shown segment of each pixel, 0 for none. The most certain lies on top.
  const map = new Uint16Array(answer.width * answer.height);
  const order = [...answer.segments].sort((one, other) => one.score - other.score);
  for (const segment of order) {
    if (!shown.has(segment.id)) continue;
    eachRun(segment.segmentation, (row, column) => { map[row * answer.width + column] = segment.id; });
  }
  return map;
}

export function places(map, answer) {
  // The middle of each shown segment, and its pixels; a name is written where there is room for it.
  const sums = new Map();
  for (let at = 0; at < map.length; at++) {
    if (!map[at]) continue;
    const sum = sums.get(map[at]) || { count: 0, x: 0, y: 0 };
    sum.count++;
    sum.x += at % answer.width;
    sum.y += Math.floor(at / answer.width);
    sums.set(map[at], sum);
  }
  return answer.segments.filter((segment) => sums.has(segment.id)).map((segment) => {
    const { count, x, y } = sums.get(segment.id);
    return { segment, count, x: x / count, y: y / count };
  });
}

export function paint(pixels, map, answer, pointed) {
  // Lays colours over RGBA pixels in place; what is unlabelled turns grey, borders white.
  const { width } = answer;
  const colors = new Map(answer.segments.map((segment) => [segment.id, segment.color]));
  for (let at = 0; at < map.length; at++) {
    const id = map[at], base = at * 4;
    const edge = (at % width + 1 < width && map[at + 1] !== id) || (at + width < map.length && map[at + width] !== id);
    const color = edge ? [255, 255, 255] : colors.get(id) || [128, 128, 128];
    const share = edge ? 1 : id === 0 ? 0.4 : id === pointed ? 0.75 : 0.5;
    for (let channel = 0; channel < 3; channel++) {
      pixels[base + channel] = (1 - share) * pixels[base + channel] + share * color[channel];
    }
  }
}
