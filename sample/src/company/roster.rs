//! Who there is: orgs, teams, users, and how they stand at the moment that the stream has reached.

use super::{
    Size,
    person::{Person, ascii},
    persona::{Persona, personas},
};
use crate::{
    Dice,
    grammar::{Area, phrases},
    identifier,
    wire::{self, Form, Stamp},
};
use chrono::{DateTime, Datelike, TimeDelta, Utc};
use rand::{
    Rng,
    seq::{IndexedRandom, SliceRandom},
};
use std::collections::HashMap;

#[derive(Debug, Clone)]
pub(crate) struct Org {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) image: String,
    pub(crate) status: &'static str,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) area: Area,
    pub(crate) products: Vec<String>,
    pub(crate) personas: Vec<Persona>,
    /// Hours east of UTC; all lie so that the working hours fall into one UTC day.
    pub(crate) utc_offset: i64,
    /// The day it is deleted: nobody of it practises from then on.
    pub(crate) deleted_on: Option<u32>,
    pub(crate) teams: Vec<Team>,
}

#[derive(Debug, Clone)]
pub(crate) struct Team {
    pub(crate) id: String,
    /// An index into the roster's users.
    pub(crate) manager: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) org: usize,
    pub(crate) team: usize,
    pub(crate) manager_id: Option<String>,
    pub(crate) first: String,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) image: Option<String>,
    pub(crate) role: &'static str,
    pub(crate) status: &'static str,
    pub(crate) customer_id: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) streak: u32,
    pub(crate) longest_streak: u32,
    pub(crate) practised_on: Option<u32>,
    pub(crate) calls: u32,
    /// The score that practice starts from, and how much practice can add.
    pub(crate) talent: f64,
    pub(crate) promise: f64,
    /// How often this user practises, relative to others.
    pub(crate) diligence: f64,
    pub(crate) joins_on: u32,
    pub(crate) absence: Option<Absence>,
}

/// A user who is deleted, and perhaps comes back by a later update.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Absence {
    pub(crate) from: u32,
    pub(crate) until: Option<u32>,
}

#[derive(Debug, Clone)]
pub(crate) struct Roster {
    pub(crate) orgs: Vec<Org>,
    pub(crate) users: Vec<User>,
}

impl Roster {
    pub(crate) fn new(size: &Size, dice: &mut Dice) -> Self {
        let mut roster = Self {
            orgs: Vec::new(),
            users: Vec::new(),
        };
        let (orgs, users) = (size.orgs.max(1), size.users.max(1));
        let mut names: Vec<(&str, &str)> = phrases("org.brand")
            .into_iter()
            .flat_map(|brand| {
                phrases("org.kind")
                    .into_iter()
                    .map(move |kind| (brand, kind))
            })
            .collect();
        names.shuffle(dice);
        for place in 0..orgs {
            let (brand, kind) = names[place % names.len()];
            let share = users / orgs + usize::from(place < users % orgs);
            roster.found(brand, kind, place / names.len(), share, size, dice);
        }
        roster.plan_careers(size.days, dice);
        if orgs >= 3 {
            roster.orgs[orgs - 1].deleted_on = Some(size.days * 4 / 5);
        }
        roster
    }

    fn found(
        &mut self,
        brand: &str,
        kind: &str,
        namesake: usize,
        users: usize,
        size: &Size,
        dice: &mut Dice,
    ) {
        let area = Area::any(dice);
        let id = identifier::uuid(dice);
        let number = if namesake > 0 {
            format!(" {}", namesake + 1)
        } else {
            String::new()
        };
        let mut products: Vec<_> = area
            .phrases("product")
            .into_iter()
            .map(|noun| format!("{brand} {noun}"))
            .collect();
        products.shuffle(dice);
        products.truncate(dice.random_range(2..=4));
        let org = self.orgs.len();
        self.orgs.push(Org {
            image: format!("https://images.salesmagic.example/orgs/{id}.png"),
            id,
            name: format!("{brand} {kind}{number}"),
            status: "active",
            created_at: size.ends_at - TimeDelta::days(dice.random_range(400..1_500))
                + nanoseconds(dice),
            area,
            products,
            personas: personas((4 + users / 3).min(40), area, dice),
            utc_offset: *[-6, -5, 0, 0, 1, 1, 2, 5, 8].choose(dice).unwrap_or(&0),
            deleted_on: None,
            teams: Vec::new(),
        });
        self.hire(
            org,
            users,
            &format!("{}-{}{}.example", ascii(brand), ascii(kind), ascii(&number)),
            dice,
        );
    }

    /// Teams of about six, each led by its first user; the first of them all leads the org.
    fn hire(&mut self, org: usize, users: usize, domain: &str, dice: &mut Dice) {
        let first = self.users.len();
        let teams = users.div_ceil(7).max(1);
        let mut namesakes: HashMap<String, usize> = HashMap::new();
        for place in 0..users {
            let team = place % teams;
            let person = Person::any(dice);
            let namesake = namesakes.entry(person.name()).or_default();
            *namesake += 1;
            let leads = users > 1 && place < teams;
            if place < teams {
                self.orgs[org].teams.push(Team {
                    id: identifier::base62("team_", 16, dice),
                    manager: first + place,
                });
            }
            let manager = if leads { first } else { first + team };
            let manager_id = (manager < self.users.len()).then(|| self.users[manager].id.clone());
            let id = identifier::uuid(dice);
            let user = User {
                image: dice
                    .random_bool(0.8)
                    .then(|| format!("https://images.salesmagic.example/users/{id}.jpg")),
                id,
                org,
                team,
                manager_id,
                email: person.email(*namesake, domain),
                name: person.name(),
                first: person.first,
                role: if place == 0 && users > 7 {
                    "admin"
                } else if leads {
                    "manager"
                } else {
                    "member"
                },
                status: "active",
                customer_id: identifier::base62("cus_", 14, dice),
                created_at: DateTime::UNIX_EPOCH,
                streak: 0,
                longest_streak: 0,
                practised_on: None,
                calls: 0,
                talent: dice.random_range(46.0..74.0),
                promise: dice.random_range(8.0..26.0),
                // A few practise daily, many now and then; leaders seldom.
                diligence: (0.05 + dice.random::<f64>().powi(3)) * if leads { 0.2 } else { 1.0 },
                joins_on: 0,
                absence: None,
            };
            self.users.push(user);
        }
    }

    /// Some users join late, some are deleted, a third of those come back. Leaders stay: others name them as managers.
    fn plan_careers(&mut self, days: u32, dice: &mut Dice) {
        let leads = |user: usize| {
            self.orgs[self.users[user].org]
                .teams
                .iter()
                .any(|team| team.manager == user)
        };
        let mut reps: Vec<usize> = (0..self.users.len()).filter(|&user| !leads(user)).collect();
        reps.shuffle(dice);
        let leavers = reps.len() / 8;
        let late = reps.len() / 5;
        for (order, &rep) in reps[..leavers].iter().enumerate() {
            let from = dice.random_range(days * 2 / 5..=days * 4 / 5);
            let back = from + dice.random_range(1..=(days / 6).max(1));
            let until = (order % 3 == 1 && back < days).then_some(back);
            self.users[rep].absence = Some(Absence { from, until });
        }
        for &rep in reps.iter().skip(leavers).take(late) {
            self.users[rep].joins_on = dice.random_range(0..=days / 2);
        }
    }

    /// Whether the user may practise on a day from morning to evening.
    pub(crate) fn practises_on(&self, user: usize, day: u32) -> bool {
        let User {
            org,
            joins_on,
            absence,
            ..
        } = &self.users[user];
        // Who joins later than the first morning may do so in the afternoon.
        let joined = *joins_on == 0 || day > *joins_on;
        let absent = absence.is_some_and(|Absence { from, until }| {
            day >= from && until.is_none_or(|until| day <= until)
        });
        let closed = self.orgs[*org]
            .deleted_on
            .is_some_and(|deleted| day >= deleted);
        joined && !absent && !closed
    }

    /// Counts a day of practice; true when that changes the streak. Weekends do not break one.
    pub(crate) fn practise(&mut self, user: usize, day: u32, first_day: DateTime<Utc>) -> bool {
        let user = &mut self.users[user];
        user.calls += 1;
        let previous = user.practised_on.replace(day);
        if previous == Some(day) {
            return false;
        }
        let weekday = |day: u32| {
            (first_day + TimeDelta::days(day.into()))
                .weekday()
                .num_days_from_monday()
                < 5
        };
        let kept =
            previous.is_some_and(|previous| (previous + 1..day).all(|between| !weekday(between)));
        user.streak = if kept { user.streak + 1 } else { 1 };
        user.longest_streak = user.longest_streak.max(user.streak);
        true
    }

    pub(crate) fn user_on_wire(&self, user: usize, form: Form) -> wire::User<'_> {
        let user = &self.users[user];
        let org = &self.orgs[user.org];
        wire::User {
            created_at: Stamp {
                at: user.created_at,
                form,
            },
            customer_id: &user.customer_id,
            email: &user.email,
            id: &user.id,
            image: user.image.as_deref(),
            longest_streak: user.longest_streak,
            manager_id: user.manager_id.as_deref(),
            name: &user.name,
            org_id: &org.id,
            role: user.role,
            status: user.status,
            streak: user.streak,
            team_id: &org.teams[user.team].id,
        }
    }
}

/// Up to one day, to the nanosecond.
fn nanoseconds(dice: &mut Dice) -> TimeDelta {
    TimeDelta::nanoseconds(dice.random_range(0..86_400_000_000_000))
}
