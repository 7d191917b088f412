//! The shapes of `SalesMagic`'s webhook bodies, for writing only. Field names and their order are the catalogue's.

use chrono::{DateTime, Datelike, Timelike, Utc};
use serde::{Serialize, Serializer};
use std::fmt;

#[derive(Serialize)]
pub(crate) struct Envelope<P> {
    pub(crate) id: String,
    pub(crate) payload: P,
    pub(crate) timestamp: Stamp,
    #[serde(rename = "type")]
    pub(crate) event_type: &'static str,
}

#[derive(Serialize)]
pub(crate) struct OrgPayload<'a> {
    pub(crate) org: Org<'a>,
}

#[derive(Serialize)]
pub(crate) struct UserPayload<'a> {
    pub(crate) user: User<'a>,
}

#[derive(Serialize)]
pub(crate) struct CallPayload<'a> {
    pub(crate) call: Call<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Org<'a> {
    pub(crate) created_at: Stamp,
    pub(crate) id: &'a str,
    pub(crate) image: &'a str,
    pub(crate) name: &'a str,
    pub(crate) status: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct User<'a> {
    pub(crate) created_at: Stamp,
    pub(crate) customer_id: &'a str,
    pub(crate) email: &'a str,
    pub(crate) id: &'a str,
    pub(crate) image: Option<&'a str>,
    pub(crate) longest_streak: u32,
    pub(crate) manager_id: Option<&'a str>,
    pub(crate) name: &'a str,
    pub(crate) org_id: &'a str,
    pub(crate) role: &'a str,
    pub(crate) status: &'a str,
    pub(crate) streak: u32,
    pub(crate) team_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Call<'a> {
    pub(crate) analysis: Vec<Analysis>,
    pub(crate) created_at: Stamp,
    pub(crate) id: String,
    pub(crate) org_id: &'a str,
    pub(crate) prospect_ids: Vec<&'a str>,
    pub(crate) prospects: Vec<&'a Prospect>,
    pub(crate) stats: Stats,
    pub(crate) title: String,
    pub(crate) transcript: Vec<Line<'a>>,
    pub(crate) user: User<'a>,
    pub(crate) user_id: &'a str,
}

#[derive(Serialize)]
pub(crate) struct Stats {
    pub(crate) duration: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Line<'a> {
    pub(crate) created_at: Stamp,
    /// Null when the rep speaks.
    pub(crate) prospect_id: Option<&'a str>,
    /// What was said, whoever said it.
    pub(crate) prospect_text: String,
    pub(crate) speaker_name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the catalogue says analysisType")]
pub(crate) struct Analysis {
    pub(crate) action_items: Vec<String>,
    pub(crate) analysis_type: &'static str,
    pub(crate) competitors: Vec<String>,
    pub(crate) customer_challenges: Vec<String>,
    pub(crate) deal_drivers: Vec<String>,
    pub(crate) missed_opportunities: Vec<String>,
    pub(crate) objections: Vec<String>,
    pub(crate) product_positioning: Vec<String>,
    pub(crate) products: Vec<String>,
    pub(crate) sales_strengths: Vec<String>,
    pub(crate) score: f64,
    pub(crate) summary: String,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Prospect {
    pub(crate) details: ProspectDetails,
    pub(crate) id: String,
    pub(crate) image_url: String,
    pub(crate) name: String,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProspectDetails {
    pub(crate) additional_info: String,
    pub(crate) age: u32,
    pub(crate) budget_authority: String,
    pub(crate) communication_style: String,
    pub(crate) company_name: String,
    pub(crate) company_size: u32,
    pub(crate) decision_making_process: String,
    pub(crate) difficulty: &'static str,
    pub(crate) education: String,
    pub(crate) gender: String,
    pub(crate) goals: String,
    pub(crate) industry: String,
    pub(crate) information_sources: String,
    pub(crate) job_title: String,
    pub(crate) key_performance_indicators: String,
    pub(crate) key_responsibilities: String,
    pub(crate) nationality: String,
    pub(crate) new_technology_attitude: String,
    pub(crate) objections_to_new_tools: String,
    pub(crate) pain_points: String,
    pub(crate) personal_motivations: String,
    pub(crate) preferred_vendors: String,
    pub(crate) tech_savviness: f64,
    pub(crate) years_of_experience: u32,
}

/// A point in time in one of the three ways of the catalogue.
#[derive(Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) at: DateTime<Utc>,
    pub(crate) form: Form,
}

#[derive(Clone, Copy)]
pub(crate) enum Form {
    /// `2025-01-14T05:15:39.855Z`, as in the org events.
    Millis,
    /// `2025-01-14T04:51:39.885517929`, as in the user and call events: UTC without saying so.
    Unzoned,
    /// Nine digits and `Z`.
    Zoned,
}

impl fmt::Display for Stamp {
    // By hand: a call has up to 300 of these, and chrono's pattern formatter would be most of the cost of a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, form } = self;
        let (date, time) = (at.date_naive(), at.time());
        write!(
            f,
            "{:04}-{:02}-{:02}T",
            date.year(),
            date.month(),
            date.day()
        )?;
        write!(
            f,
            "{:02}:{:02}:{:02}",
            time.hour(),
            time.minute(),
            time.second()
        )?;
        match form {
            Form::Millis => write!(f, ".{:03}Z", time.nanosecond() / 1_000_000),
            Form::Unzoned => write!(f, ".{:09}", time.nanosecond()),
            Form::Zoned => write!(f, ".{:09}Z", time.nanosecond()),
        }
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_look_like_the_catalogue() {
        let at = DateTime::from_timestamp(1_736_830_299, 85_517_929).unwrap();
        let written = |form| Stamp { at, form }.to_string();
        assert_eq!(written(Form::Unzoned), "2025-01-14T04:51:39.085517929");
        assert_eq!(written(Form::Zoned), "2025-01-14T04:51:39.085517929Z");
        assert_eq!(written(Form::Millis), "2025-01-14T04:51:39.085Z");
    }
}
