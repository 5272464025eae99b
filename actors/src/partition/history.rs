//! Where the log tells of an entity: positions of its records, in few bytes.

use serde::{Deserialize, Serialize};

/// Positions of records, ascending, as the distance of each from the one before it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    last: u64,
    /// Distances as LEB128.
    distances: Vec<u8>,
}

impl History {
    /// Notes a position; one that is not after the last is known already.
    pub fn push(&mut self, position: u64) {
        let Some(mut distance) = position.checked_sub(self.last).filter(|distance| *distance > 0) else { return };
        self.last = position;
        loop {
            let [low, ..] = distance.to_le_bytes();
            distance >>= 7;
            if distance == 0 {
                self.distances.push(low & 0x7f);
                return;
            }
            self.distances.push(low | 0x80);
        }
    }

    /// Every position, the first first.
    pub fn positions(&self) -> impl Iterator<Item = u64> {
        let (mut at, mut distance, mut shift) = (0_u64, 0_u64, 0_u32);
        self.distances.iter().filter_map(move |byte| {
            distance |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 != 0 {
                return None;
            }
            at += distance;
            (distance, shift) = (0, 0);
            Some(at)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_read_back_and_stand_once() {
        let mut history = History::default();
        let positions = [1, 2, 129, 129, 128, 70_000, u64::MAX];
        positions.iter().for_each(|position| history.push(*position));
        assert_eq!(history.positions().collect::<Vec<_>>(), [1, 2, 129, 70_000, u64::MAX]);
    }
}
