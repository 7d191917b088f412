//! A prospect, with all details and their calls.

use async_graphql::{Context, ID, Object, SimpleObject};
use entity::read_model::{call, call_prospect, prospect};
use sea_orm::sea_query::SimpleExpr;
use sea_orm::{EntityTrait, IntoSimpleExpr, JoinType, QuerySelect, RelationDef, Select};

use super::{Call, Event, below_cost, page_below};
use crate::graphql::error::Result;
use crate::graphql::filter::CallFilter;
use crate::graphql::page::{Arguments, CallOrderField, Connection, Node, Order};
use crate::graphql::relation::{Below, Relation};

/// A prospect as last described.
pub struct Prospect(pub prospect::Model);

impl Node for Prospect {
    type Row = prospect::Model;

    fn from_row(row: prospect::Model) -> Self {
        Self(row)
    }
}

/// The calls that a prospect was in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallsOfProspect;

impl Relation for CallsOfProspect {
    type Child = call::Entity;
    type Filter = CallFilter;

    fn join(select: Select<call::Entity>) -> Select<call::Entity> {
        select.join(JoinType::InnerJoin, prospects_of_calls())
    }

    fn parent() -> Vec<SimpleExpr> {
        vec![
            call_prospect::Column::OrgId.into_simple_expr(),
            call_prospect::Column::ProspectId.into_simple_expr(),
        ]
    }
}

fn prospects_of_calls() -> RelationDef {
    call::Entity::belongs_to(call_prospect::Entity)
        .from(call::Column::Id)
        .to(call_prospect::Column::CallId)
        .into()
}

/// An AI prospect whom users call, as last described by one of the calls. The same id in two orgs is two prospects.
#[Object]
impl Prospect {
    /// SalesMagic's own id.
    async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    /// The id of the org whose calls describe the prospect.
    async fn org_id(&self) -> Option<ID> {
        (!self.0.org_id.is_empty()).then(|| ID(self.0.org_id.clone()))
    }

    /// Their name.
    async fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// The address of their picture.
    async fn image_url(&self) -> Option<&str> {
        self.0.image_url.as_deref()
    }

    /// Who they are and how they buy.
    async fn details(&self) -> ProspectDetails {
        ProspectDetails::from(self.0.clone())
    }

    /// Whether everything known of this comes from the catalogue's examples, which the Testing tab of the Svix portal sends.
    /// Reports leave examples out.
    async fn is_example(&self) -> bool {
        self.0.is_example
    }

    /// The event that these values come from. Null while only the id has been seen, and for a token that does not see the event's org.
    async fn last_event(&self, ctx: &Context<'_>) -> Result<Option<Event>> {
        Event::seen(ctx, self.0.last_position).await
    }

    /// The calls they were in, newest first.
    #[graphql(complexity = "below_cost(filter.as_ref(), first, last, child_complexity)")]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is an argument of the field"
    )]
    async fn calls(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which of them.")] filter: Option<CallFilter>,
        #[graphql(desc = "In which order: the newest first unless said.")] order_by: Option<
            Order<CallOrderField>,
        >,
        #[graphql(desc = "The size of a page from the front: 20 unless said, 100 at most.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "The size of a page from the back.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Call>> {
        let below = Below::<CallsOfProspect>::new([&self.0.org_id, &self.0.id], filter);
        page_below(
            ctx,
            below,
            Arguments {
                first,
                after,
                last,
                before,
            },
            order_by,
        )
        .await
    }
}

/// Who a prospect is and how they buy: every field as SalesMagic sends it.
#[derive(SimpleObject)]
pub struct ProspectDetails {
    /// What else there is to know.
    additional_info: Option<String>,
    /// Age. No unit is documented; years, by the looks of it.
    age: Option<f64>,
    /// What they may spend.
    budget_authority: Option<String>,
    /// How they talk.
    communication_style: Option<String>,
    /// Their company.
    company_name: Option<String>,
    /// The size of their company. No unit is documented.
    company_size: Option<f64>,
    /// How they come to a decision.
    decision_making_process: Option<String>,
    /// How hard they are to sell to, as SalesMagic writes it.
    difficulty: Option<String>,
    /// Their education.
    education: Option<String>,
    /// Their gender.
    gender: Option<String>,
    /// What they are after.
    goals: Option<String>,
    /// Their industry.
    industry: Option<String>,
    /// Where they look things up.
    information_sources: Option<String>,
    /// Their job title.
    job_title: Option<String>,
    /// What they are measured by.
    key_performance_indicators: Option<String>,
    /// What they are responsible for.
    key_responsibilities: Option<String>,
    /// Their nationality.
    nationality: Option<String>,
    /// What they think of new technology.
    new_technology_attitude: Option<String>,
    /// What they object to in new tools.
    objections_to_new_tools: Option<String>,
    /// What troubles them.
    pain_points: Option<String>,
    /// What drives them.
    personal_motivations: Option<String>,
    /// From whom they like to buy.
    preferred_vendors: Option<String>,
    /// How well they know technology. No unit is documented.
    tech_savviness: Option<f64>,
    /// How many years of experience they have.
    years_of_experience: Option<f64>,
}

impl From<prospect::Model> for ProspectDetails {
    fn from(row: prospect::Model) -> Self {
        Self {
            additional_info: row.additional_info,
            age: row.age,
            budget_authority: row.budget_authority,
            communication_style: row.communication_style,
            company_name: row.company_name,
            company_size: row.company_size,
            decision_making_process: row.decision_making_process,
            difficulty: row.difficulty,
            education: row.education,
            gender: row.gender,
            goals: row.goals,
            industry: row.industry,
            information_sources: row.information_sources,
            job_title: row.job_title,
            key_performance_indicators: row.key_performance_indicators,
            key_responsibilities: row.key_responsibilities,
            nationality: row.nationality,
            new_technology_attitude: row.new_technology_attitude,
            objections_to_new_tools: row.objections_to_new_tools,
            pain_points: row.pain_points,
            personal_motivations: row.personal_motivations,
            preferred_vendors: row.preferred_vendors,
            tech_savviness: row.tech_savviness,
            years_of_experience: row.years_of_experience,
        }
    }
}
