/** Places in a user's feed of events, `<epoch>-<seq>`: within one epoch each event's is one further. */

/**
 * How many events `to` is ahead of `from`; NaN where they are of different epochs.
 * @param {string} from
 * @param {string} to
 */
export function steps(from, to) {
  const [epoch, seq] = from.split("-");
  const [otherEpoch, otherSeq] = to.split("-");
  return epoch === otherEpoch ? Number(otherSeq) - Number(seq) : Number.NaN;
}

/**
 * Whether facts at `position` reflect the event `id`; of another epoch they are newer.
 * @param {string} position
 * @param {string} id
 */
export const reflects = (position, id) => !(steps(position, id) > 0);
