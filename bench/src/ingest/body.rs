//! A completed call as the bare projection loop reads it: what it writes, borrowed from the body.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A text of a body.
pub type Text<'a> = Option<Cow<'a, str>>;

#[derive(Deserialize)]
pub struct Body<'a> {
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    #[serde(borrow)]
    pub timestamp: Cow<'a, str>,
    #[serde(borrow)]
    pub payload: Payload<'a>,
}

#[derive(Deserialize)]
pub struct Payload<'a> {
    #[serde(borrow)]
    pub call: Call<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Call<'a> {
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    #[serde(borrow)]
    pub org_id: Cow<'a, str>,
    #[serde(borrow)]
    pub user: User<'a>,
    #[serde(borrow)]
    pub title: Text<'a>,
    pub stats: Stats,
    #[serde(borrow)]
    pub prospect_ids: &'a RawValue,
    #[serde(borrow)]
    pub prospects: Vec<Prospect<'a>>,
    #[serde(borrow)]
    pub transcript: &'a RawValue,
    #[serde(borrow)]
    pub analysis: Vec<Analysis<'a>>,
}

#[derive(Deserialize)]
pub struct Stats {
    pub duration: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User<'a> {
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    #[serde(borrow)]
    pub name: Text<'a>,
    #[serde(borrow)]
    pub email: Text<'a>,
    #[serde(borrow)]
    pub image: Text<'a>,
    #[serde(borrow)]
    pub role: Text<'a>,
    #[serde(borrow)]
    pub status: Text<'a>,
    #[serde(borrow)]
    pub customer_id: Text<'a>,
    #[serde(borrow)]
    pub manager_id: Text<'a>,
    #[serde(borrow)]
    pub team_id: Text<'a>,
    pub streak: Option<f64>,
    pub longest_streak: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Prospect<'a> {
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    #[serde(borrow)]
    pub name: Text<'a>,
    #[serde(borrow)]
    pub image_url: Text<'a>,
    #[serde(borrow)]
    pub details: Details<'a>,
}

macro_rules! details {
    ($($text:ident)*; $($number:ident)*) => {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct Details<'a> {
            $(#[serde(borrow)] pub $text: Text<'a>,)*
            $(pub $number: Option<f64>,)*
        }

        impl<'a> Details<'a> {
            /// The columns of its texts.
            pub const TEXTS: &'static [&'static str] = &[$(stringify!($text)),*];
            /// The columns of its numbers.
            pub const NUMBERS: &'static [&'static str] = &[$(stringify!($number)),*];

            /// Its texts, in the order of [`Self::TEXTS`].
            pub fn texts(&'a self) -> Vec<Option<&'a str>> {
                vec![$(self.$text.as_deref()),*]
            }

            /// Its numbers, in the order of [`Self::NUMBERS`].
            pub fn numbers(&self) -> Vec<Option<f64>> {
                vec![$(self.$number),*]
            }
        }
    };
}

details! {
    additional_info budget_authority communication_style company_name decision_making_process difficulty education gender goals
    industry information_sources job_title key_performance_indicators key_responsibilities nationality new_technology_attitude
    objections_to_new_tools pain_points personal_motivations preferred_vendors;
    age company_size tech_savviness years_of_experience
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the catalogue says analysisType")]
pub struct Analysis<'a> {
    #[serde(borrow)]
    pub analysis_type: Text<'a>,
    pub score: Option<f64>,
    #[serde(borrow)]
    pub summary: Text<'a>,
    #[serde(borrow)]
    pub action_items: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    pub competitors: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    pub customer_challenges: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    pub deal_drivers: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    pub missed_opportunities: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    pub objections: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    pub product_positioning: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    pub products: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    pub sales_strengths: Vec<Cow<'a, str>>,
}

impl Analysis<'_> {
    /// Its lists, by the kinds of insights.
    pub fn lists(&self) -> [(&'static str, &[Cow<'_, str>]); 9] {
        [
            ("action_items", &self.action_items),
            ("competitors", &self.competitors),
            ("customer_challenges", &self.customer_challenges),
            ("deal_drivers", &self.deal_drivers),
            ("missed_opportunities", &self.missed_opportunities),
            ("objections", &self.objections),
            ("product_positioning", &self.product_positioning),
            ("products", &self.products),
            ("sales_strengths", &self.sales_strengths),
        ]
    }
}
