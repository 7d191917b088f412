//! What events are about, with the catalogue's field names. Every field may be missing or null, unknown ones are ignored.
//! Written as JSON they say what was understood of a payload, under the payload's own names.

use serde::{Deserialize, Serialize};

use super::{Instant, field, instant};

/// `payload.org`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(
    missing_docs,
    reason = "the catalogue's own names, which it does not explain"
)]
pub struct Org {
    #[serde(
        deserialize_with = "field::id",
        skip_serializing_if = "Option::is_none"
    )]
    pub id: Option<String>,
    pub name: Option<String>,
    pub image: Option<String>,
    pub status: Option<String>,
    #[serde(deserialize_with = "instant::optional")]
    pub created_at: Option<Instant>,
}

/// `payload.user`, and `payload.call.user`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(
    missing_docs,
    reason = "the catalogue's own names, which it does not explain"
)]
pub struct User {
    #[serde(
        deserialize_with = "field::id",
        skip_serializing_if = "Option::is_none"
    )]
    pub id: Option<String>,
    #[serde(deserialize_with = "field::id")]
    pub org_id: Option<String>,
    pub name: Option<String>,
    pub email: Option<String>,
    pub image: Option<String>,
    pub role: Option<String>,
    pub status: Option<String>,
    #[serde(deserialize_with = "field::id")]
    pub customer_id: Option<String>,
    #[serde(deserialize_with = "field::id")]
    pub manager_id: Option<String>,
    #[serde(deserialize_with = "field::id")]
    pub team_id: Option<String>,
    pub streak: Option<f64>,
    pub longest_streak: Option<f64>,
    #[serde(deserialize_with = "instant::optional")]
    pub created_at: Option<Instant>,
}

/// `payload.call`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(
    missing_docs,
    reason = "the catalogue's own names, which it does not explain"
)]
pub struct Call {
    #[serde(deserialize_with = "field::id")]
    pub id: Option<String>,
    #[serde(deserialize_with = "field::id")]
    pub org_id: Option<String>,
    #[serde(deserialize_with = "field::id")]
    pub user_id: Option<String>,
    pub user: Option<User>,
    pub title: Option<String>,
    #[serde(deserialize_with = "instant::optional")]
    pub created_at: Option<Instant>,
    #[serde(deserialize_with = "field::part")]
    pub stats: Stats,
    #[serde(deserialize_with = "field::ids")]
    pub prospect_ids: Vec<String>,
    #[serde(deserialize_with = "field::list")]
    pub prospects: Vec<Prospect>,
    #[serde(deserialize_with = "field::list")]
    pub transcript: Vec<Line>,
    #[serde(deserialize_with = "field::list")]
    pub analysis: Vec<Analysis>,
}

/// `payload.call.stats`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(
    missing_docs,
    reason = "the catalogue's own names, which it does not explain"
)]
pub struct Stats {
    pub duration: Option<f64>,
}

/// An element of `payload.call.prospects`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(
    missing_docs,
    reason = "the catalogue's own names, which it does not explain"
)]
pub struct Prospect {
    #[serde(deserialize_with = "field::id")]
    pub id: Option<String>,
    pub name: Option<String>,
    pub image_url: Option<String>,
    #[serde(deserialize_with = "field::part")]
    pub details: Details,
}

/// `details` of a prospect
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(
    missing_docs,
    reason = "the catalogue's own names, which it does not explain"
)]
pub struct Details {
    pub additional_info: Option<String>,
    pub age: Option<f64>,
    pub budget_authority: Option<String>,
    pub communication_style: Option<String>,
    pub company_name: Option<String>,
    pub company_size: Option<f64>,
    pub decision_making_process: Option<String>,
    pub difficulty: Option<String>,
    pub education: Option<String>,
    pub gender: Option<String>,
    pub goals: Option<String>,
    pub industry: Option<String>,
    pub information_sources: Option<String>,
    pub job_title: Option<String>,
    pub key_performance_indicators: Option<String>,
    pub key_responsibilities: Option<String>,
    pub nationality: Option<String>,
    pub new_technology_attitude: Option<String>,
    pub objections_to_new_tools: Option<String>,
    pub pain_points: Option<String>,
    pub personal_motivations: Option<String>,
    pub preferred_vendors: Option<String>,
    pub tech_savviness: Option<f64>,
    pub years_of_experience: Option<f64>,
}

/// An element of `payload.call.transcript`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(
    missing_docs,
    reason = "the catalogue's own names, which it does not explain"
)]
pub struct Line {
    #[serde(deserialize_with = "instant::optional")]
    pub created_at: Option<Instant>,
    #[serde(deserialize_with = "field::id")]
    pub prospect_id: Option<String>,
    pub prospect_text: Option<String>,
    pub speaker_name: Option<String>,
}

/// An element of `payload.call.analysis`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(
    missing_docs,
    reason = "the catalogue's own names, which it does not explain"
)]
pub struct Analysis {
    #[serde(deserialize_with = "field::id")]
    pub analysis_type: Option<String>,
    pub score: Option<f64>,
    pub summary: Option<String>,
    #[serde(deserialize_with = "field::list")]
    pub action_items: Vec<String>,
    #[serde(deserialize_with = "field::list")]
    pub competitors: Vec<String>,
    #[serde(deserialize_with = "field::list")]
    pub customer_challenges: Vec<String>,
    #[serde(deserialize_with = "field::list")]
    pub deal_drivers: Vec<String>,
    #[serde(deserialize_with = "field::list")]
    pub missed_opportunities: Vec<String>,
    #[serde(deserialize_with = "field::list")]
    pub objections: Vec<String>,
    #[serde(deserialize_with = "field::list")]
    pub product_positioning: Vec<String>,
    #[serde(deserialize_with = "field::list")]
    pub products: Vec<String>,
    #[serde(deserialize_with = "field::list")]
    pub sales_strengths: Vec<String>,
}
