//! The company's days, one after the other, as deliveries.
//!
//! What happens on a day is planned when the day begins (who calls, when); bodies are made one by one. So memory holds
//! the people, the plan of one day and the deliveries of one happening.

use super::{Persona, Size, calendar::Calendar, roster::Roster};
use crate::{
    Delivery, Dice,
    call::{self, Cast},
    identifier,
    wire::{self, CallPayload, Envelope, Form, OrgPayload, Stamp, UserPayload},
};
use chrono::{DateTime, TimeDelta, Utc};
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use serde::Serialize;
use std::collections::VecDeque;

/// A company's webhooks in the order of time.
pub struct Deliveries {
    roster: Roster,
    calendar: Calendar,
    dice: Dice,
    /// What is not practice, over all days, in the order of time.
    milestones: VecDeque<(DateTime<Utc>, Happening)>,
    /// Sums of the users' diligence, to draw one by it.
    diligence: Vec<f64>,
    day: u32,
    today: VecDeque<(DateTime<Utc>, Happening)>,
    ready: VecDeque<Delivery>,
    /// The time of the last delivery made.
    now: DateTime<Utc>,
}

/// Something to tell about an org or a user, by its index in the roster.
#[derive(Debug, Clone, Copy)]
enum Happening {
    OrgSetUp(usize),
    OrgChanged(usize),
    OrgDeleted(usize),
    UserCreated(usize),
    UserMoved(usize),
    UserPromoted(usize),
    UserDeleted(usize),
    UserReturned(usize),
    Call(usize),
}

impl Iterator for Deliveries {
    type Item = Delivery;

    fn next(&mut self) -> Option<Delivery> {
        loop {
            if let Some(delivery) = self.ready.pop_front() {
                return Some(delivery);
            }
            if let Some((at, happening)) = self.today.pop_front() {
                self.tell(at, happening);
            } else if self.day < self.calendar.days() {
                self.plan_day();
                self.day += 1;
            } else {
                return None;
            }
        }
    }
}

impl Deliveries {
    pub(super) fn new(size: &Size, mut dice: Dice) -> Self {
        let roster = Roster::new(size, &mut dice);
        let calendar = Calendar::new(size.ends_at, size.days, size.calls);
        let mut sum = 0.0;
        let diligence = roster.users.iter().map(|user| {
            sum += user.diligence;
            sum
        });
        Self {
            milestones: milestones(&roster, &calendar, &mut dice),
            diligence: diligence.collect(),
            now: calendar.first_day,
            roster,
            calendar,
            dice,
            day: 0,
            today: VecDeque::new(),
            ready: VecDeque::new(),
        }
    }

    fn plan_day(&mut self) {
        let tomorrow = self.calendar.start(self.day + 1);
        let milestones = self
            .milestones
            .iter()
            .take_while(|(at, _)| *at < tomorrow)
            .count();
        let mut today: Vec<_> = self.milestones.drain(..milestones).collect();
        for _ in 0..self.calendar.calls(self.day) {
            let user = self.caller();
            let utc_offset = self.roster.orgs[self.roster.users[user].org].utc_offset;
            today.push((
                self.calendar
                    .working_moment(self.day, utc_offset, &mut self.dice),
                Happening::Call(user),
            ));
        }
        today.sort_by_key(|(at, _)| *at);
        self.today = today.into();
    }

    /// Somebody who practises today, the diligent more often.
    fn caller(&mut self) -> usize {
        let all = self.diligence.last().copied().unwrap_or_default();
        for _ in 0..100 {
            let drawn = self.dice.random_range(0.0..all);
            let user = self.diligence.partition_point(|sum| *sum <= drawn);
            if self.roster.practises_on(user, self.day) {
                return user;
            }
        }
        // The first user leads the first org and is always there.
        0
    }

    fn tell(&mut self, planned: DateTime<Utc>, happening: Happening) {
        // Each delivery is later than the one before, so that no two states of a user have the same time.
        self.now = planned
            .max(self.now + TimeDelta::nanoseconds(self.dice.random_range(1_000_000..3_000_000)));
        if self.is_over(happening) {
            return;
        }
        match happening {
            Happening::OrgSetUp(org) => self.tell_org("org.updated", org),
            Happening::OrgChanged(org) => {
                let org_now = &mut self.roster.orgs[org];
                if self.dice.random_bool(0.5) {
                    org_now.name.push_str(" International");
                } else {
                    org_now.image = org_now.image.replace(".png", "-2.png");
                }
                self.tell_org("org.updated", org);
            }
            Happening::OrgDeleted(org) => {
                self.roster.orgs[org].status = "deleted";
                self.tell_org("org.deleted", org);
            }
            Happening::UserCreated(user) => {
                let before = TimeDelta::nanoseconds(self.dice.random_range(8_000..30_000));
                self.roster.users[user].created_at = self.now - before;
                self.tell_user("user.created", user);
            }
            Happening::UserMoved(user) => {
                self.move_to_another_team(user);
                self.tell_user("user.updated", user);
            }
            Happening::UserPromoted(user) => {
                self.roster.users[user].role = "senior";
                self.tell_user("user.updated", user);
            }
            Happening::UserDeleted(user) => {
                self.roster.users[user].status = "deleted";
                self.tell_user("user.deleted", user);
            }
            Happening::UserReturned(user) => {
                self.roster.users[user].status = "active";
                self.tell_user("user.updated", user);
            }
            Happening::Call(user) => {
                self.tell_call(user);
                let day = u32::try_from((self.now - self.calendar.first_day).num_days())
                    .unwrap_or_default();
                if self.roster.practise(user, day, self.calendar.first_day) {
                    self.now += TimeDelta::nanoseconds(self.dice.random_range(200_000..900_000));
                    self.tell_user("user.updated", user);
                }
            }
        }
    }

    /// Nothing changes for the users of a deleted org.
    fn is_over(&self, happening: Happening) -> bool {
        let (Happening::UserMoved(user)
        | Happening::UserPromoted(user)
        | Happening::UserDeleted(user)
        | Happening::UserReturned(user)) = happening
        else {
            return false;
        };
        self.roster.orgs[self.roster.users[user].org].status == "deleted"
    }

    fn move_to_another_team(&mut self, user: usize) {
        let moved = &self.roster.users[user];
        let teams = &self.roster.orgs[moved.org].teams;
        let others: Vec<usize> = (0..teams.len())
            .filter(|team| *team != moved.team)
            .collect();
        if let Some(&team) = others.choose(&mut self.dice) {
            let manager_id = self.roster.users[teams[team].manager].id.clone();
            let moved = &mut self.roster.users[user];
            moved.team = team;
            moved.manager_id = Some(manager_id);
        }
    }

    fn tell_org(&mut self, event_type: &'static str, org: usize) {
        let org = &self.roster.orgs[org];
        let stamp = |at| Stamp {
            at,
            form: Form::Millis,
        };
        let org = wire::Org {
            created_at: stamp(org.created_at),
            id: &org.id,
            image: &org.image,
            name: &org.name,
            status: org.status,
        };
        let delivery = deliver(
            event_type,
            OrgPayload { org },
            stamp(self.now),
            &mut self.dice,
        );
        self.ready.push_back(delivery);
    }

    fn tell_user(&mut self, event_type: &'static str, user: usize) {
        let form = form(&mut self.dice);
        let user = self.roster.user_on_wire(user, form);
        let delivery = deliver(
            event_type,
            UserPayload { user },
            Stamp { at: self.now, form },
            &mut self.dice,
        );
        self.ready.push_back(delivery);
    }

    fn tell_call(&mut self, user: usize) {
        // A call's own dice: what is said in one call does not depend on how the others were told.
        let mut dice = Dice::seed_from_u64(self.dice.random());
        let form = form(&mut dice);
        let rep = &self.roster.users[user];
        let org = &self.roster.orgs[rep.org];
        let cast = Cast {
            org,
            rep,
            prospects: prospects(&org.personas, &mut dice),
        };
        let call = call::complete(
            &cast,
            self.roster.user_on_wire(user, form),
            self.now,
            form,
            &mut dice,
        );
        let delivery = deliver(
            "call.completed",
            CallPayload { call },
            Stamp { at: self.now, form },
            &mut dice,
        );
        self.ready.push_back(delivery);
    }
}

/// One persona, or in an eighth of the calls two of the same company.
fn prospects<'a>(personas: &'a [Persona], dice: &mut Dice) -> Vec<&'a Persona> {
    // The square prefers the first ones: some personas are practised with far more than others.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let first =
        ((dice.random::<f64>().powi(2) * personas.len() as f64) as usize).min(personas.len() - 1);
    let colleague = personas.get(first ^ 1).filter(|_| dice.random_bool(0.125));
    std::iter::once(&personas[first]).chain(colleague).collect()
}

/// Most user and call events name no time zone; some do.
fn form(dice: &mut Dice) -> Form {
    if dice.random_bool(0.25) {
        Form::Zoned
    } else {
        Form::Unzoned
    }
}

fn deliver<P: Serialize>(
    event_type: &'static str,
    payload: P,
    timestamp: Stamp,
    dice: &mut Dice,
) -> Delivery {
    let envelope = Envelope {
        id: identifier::uuid(dice),
        payload,
        timestamp,
        event_type,
    };
    Delivery {
        message_id: identifier::message_id(dice),
        event_type: event_type.to_owned(),
        body: serde_json::to_string(&envelope).expect("strings and finite numbers are always JSON"),
    }
}

/// Everything but calls: all orgs and most users in the first hour, then changes over the days.
fn milestones(
    roster: &Roster,
    calendar: &Calendar,
    dice: &mut Dice,
) -> VecDeque<(DateTime<Utc>, Happening)> {
    let mut milestones = Vec::new();
    let days = calendar.days();
    for (place, org) in roster.orgs.iter().enumerate() {
        milestones.push((
            calendar.start(0) + spread(place, roster.orgs.len(), dice),
            Happening::OrgSetUp(place),
        ));
        let any_day = dice.random_range(0..days);
        if let Some(day) = org.deleted_on {
            // At night, before anybody of it would practise on that day.
            milestones.push((
                calendar.start(day) + TimeDelta::minutes(50),
                Happening::OrgDeleted(place),
            ));
        } else if dice.random_bool(0.4) {
            milestones.push((
                calendar.working_moment(any_day, org.utc_offset, dice),
                Happening::OrgChanged(place),
            ));
        }
    }
    for (place, user) in roster.users.iter().enumerate() {
        let org = &roster.orgs[user.org];
        let joins_at = if user.joins_on == 0 {
            calendar.start(0) + TimeDelta::minutes(25) + spread(place, roster.users.len(), dice)
        } else {
            calendar.working_moment(user.joins_on, org.utc_offset, dice)
        };
        milestones.push((joins_at, Happening::UserCreated(place)));
        let leads = org.teams.iter().any(|team| team.manager == place);
        let changes_on = dice.random_range(user.joins_on..days);
        if let Some(absence) = user.absence {
            // At night too: from that day on this user does not practise.
            milestones.push((
                calendar.start(absence.from) + TimeDelta::minutes(55),
                Happening::UserDeleted(place),
            ));
            if let Some(until) = absence.until {
                milestones.push((
                    calendar.working_moment(until, org.utc_offset, dice),
                    Happening::UserReturned(place),
                ));
            }
        } else if !leads && changes_on > user.joins_on && dice.random_bool(0.3) {
            let change = if org.teams.len() > 1 {
                Happening::UserMoved(place)
            } else {
                Happening::UserPromoted(place)
            };
            milestones.push((
                calendar.working_moment(changes_on, org.utc_offset, dice),
                change,
            ));
        }
    }
    milestones.sort_by_key(|(at, _)| *at);
    milestones.into()
}

/// Some minutes, growing with the place among so many: 25 at most, since the first working hours begin at one o'clock UTC
/// and users are set up after orgs.
fn spread(place: usize, of: usize, dice: &mut Dice) -> TimeDelta {
    let whole = |number: usize| i64::try_from(number).unwrap_or(i64::MAX - 1);
    let step = 1_500_000_000_000 / (whole(of) + 1);
    TimeDelta::nanoseconds(step * whole(place) + dice.random_range(0..=step))
}
