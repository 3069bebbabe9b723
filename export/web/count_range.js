/**
 * The range that holds the true count nine times in ten, [low, high]; null if the model's spread is 0, which is not
 * known. The counterpart of ris_tf/evaluation/count_range.py.
 */
export function likely(count, spread) {
  if (!spread) return null;
  const reach = spread * Math.sqrt(Math.max(count, 1)) + 1e-3;
  return [Math.max(0, Math.ceil(count - reach)), Math.floor(count + reach)];
}
