//! Spreading runs that are due at the same moment.

use super::Interval;
use chrono::TimeDelta;
use cofferdam_ids::DagId;

/// How long after the end of its interval a run is due: less than `max`, the same for the same dag and interval whoever computes it
/// and whenever.
#[must_use]
pub fn jitter(dag_id: &DagId, interval: Interval, max: TimeDelta) -> TimeDelta {
    let Ok(max) = u64::try_from(max.num_milliseconds()) else { return TimeDelta::zero() };
    if max == 0 {
        return TimeDelta::zero();
    }
    let bytes = dag_id.as_str().bytes().chain(interval.start.timestamp_micros().to_le_bytes());
    // FNV-1a, then the finisher of SplitMix64, since FNV alone spreads its last bytes badly.
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mixed = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    TimeDelta::milliseconds(i64::try_from((mixed ^ (mixed >> 31)) % max).unwrap_or(0))
}
