//! When things happen: working days and hours.

use crate::Dice;
use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc};
use rand::Rng;

/// The whole UTC days that the company's stream covers, the last of them over at `ends_at` or before.
#[derive(Debug, Clone)]
pub(crate) struct Calendar {
    pub(crate) first_day: DateTime<Utc>,
    /// Calls until the end of each day; the last is all of them.
    calls_until: Vec<usize>,
}

impl Calendar {
    pub(crate) fn new(ends_at: DateTime<Utc>, days: u32, calls: usize) -> Self {
        let into_day = TimeDelta::seconds(ends_at.num_seconds_from_midnight().into())
            + TimeDelta::nanoseconds(ends_at.nanosecond().into());
        let first_day = ends_at - into_day - TimeDelta::days(days.into());
        let mut sum = 0.0;
        let sums: Vec<f64> = (0..days)
            .map(|day| {
                sum += weight(first_day + TimeDelta::days(day.into()))
                    * (1.0 + 0.4 * f64::from(day) / f64::from(days));
                sum
            })
            .collect();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a part of the number of calls; the last part is all of it"
        )]
        let calls_until = sums
            .iter()
            .map(|part| (part / sum * calls as f64).round() as usize)
            .collect();
        Self {
            first_day,
            calls_until,
        }
    }

    pub(crate) fn days(&self) -> u32 {
        u32::try_from(self.calls_until.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn start(&self, day: u32) -> DateTime<Utc> {
        self.first_day + TimeDelta::days(day.into())
    }

    /// How many calls are completed on a day.
    pub(crate) fn calls(&self, day: u32) -> usize {
        let until = |day: usize| self.calls_until[day];
        let day = day as usize;
        until(day) - day.checked_sub(1).map_or(0, until)
    }

    /// A moment between twenty to ten and half past five at `utc_offset`, seldom around noon. A call that is over then
    /// began after nine.
    pub(crate) fn working_moment(
        &self,
        day: u32,
        utc_offset: i64,
        dice: &mut Dice,
    ) -> DateTime<Utc> {
        let mut second = dice.random_range(9 * 3_600 + 2_400..17 * 3_600 + 1_800);
        if (12 * 3_600..13 * 3_600).contains(&second) && dice.random_bool(0.7) {
            second += 3_600 * dice.random_range(1..4);
        }
        self.start(day)
            + TimeDelta::seconds(second - utc_offset * 3_600)
            + TimeDelta::nanoseconds(dice.random_range(0..1_000_000_000))
    }
}

fn weight(day: DateTime<Utc>) -> f64 {
    match day.weekday().num_days_from_monday() {
        5 => 0.06,
        6 => 0.03,
        // Fridays are shorter.
        4 => 0.8,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn monday() -> DateTime<Utc> {
        DateTime::from_timestamp(1_736_726_400, 0).unwrap()
    }

    #[test]
    fn every_call_has_a_day_and_weekends_are_quiet() {
        let calendar = Calendar::new(monday() + TimeDelta::hours(7), 14, 1_000);
        assert_eq!(calendar.start(14), monday());
        let calls: Vec<_> = (0..14).map(|day| calendar.calls(day)).collect();
        assert_eq!(calls.iter().sum::<usize>(), 1_000);
        assert!(calls[5] + calls[6] < calls[0] / 5, "{calls:?}");
    }

    #[test]
    fn working_hours_stay_in_their_utc_day() {
        let calendar = Calendar::new(monday(), 1, 1);
        let mut dice = Dice::seed_from_u64(1);
        for utc_offset in [-6, 0, 8] {
            for _ in 0..1_000 {
                let moment = calendar.working_moment(0, utc_offset, &mut dice);
                assert!(
                    moment >= calendar.start(0) && moment < calendar.start(1),
                    "{moment}"
                );
            }
        }
    }
}
