//! An AI prospect as last described. Its key is (org of the call, id), so that one org never sees what another's event said.

use sea_orm::entity::prelude::*;

/// A row of `prospects`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "prospects")]
pub struct Model {
    /// The org of the call; empty where a call names none.
    #[sea_orm(primary_key, auto_increment = false)]
    pub org_id: String,
    /// SalesMagic's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Name.
    pub name: Option<String>,
    /// Address of their picture.
    pub image_url: Option<String>,
    /// `details.additionalInfo`, as sent.
    pub additional_info: Option<String>,
    /// `details.age`, as sent.
    pub age: Option<f64>,
    /// `details.budgetAuthority`, as sent.
    pub budget_authority: Option<String>,
    /// `details.communicationStyle`, as sent.
    pub communication_style: Option<String>,
    /// `details.companyName`, as sent.
    pub company_name: Option<String>,
    /// `details.companySize`, as sent.
    pub company_size: Option<f64>,
    /// `details.decisionMakingProcess`, as sent.
    pub decision_making_process: Option<String>,
    /// `details.difficulty`, as sent.
    pub difficulty: Option<String>,
    /// `details.education`, as sent.
    pub education: Option<String>,
    /// `details.gender`, as sent.
    pub gender: Option<String>,
    /// `details.goals`, as sent.
    pub goals: Option<String>,
    /// `details.industry`, as sent.
    pub industry: Option<String>,
    /// `details.informationSources`, as sent.
    pub information_sources: Option<String>,
    /// `details.jobTitle`, as sent.
    pub job_title: Option<String>,
    /// `details.keyPerformanceIndicators`, as sent.
    pub key_performance_indicators: Option<String>,
    /// `details.keyResponsibilities`, as sent.
    pub key_responsibilities: Option<String>,
    /// `details.nationality`, as sent.
    pub nationality: Option<String>,
    /// `details.newTechnologyAttitude`, as sent.
    pub new_technology_attitude: Option<String>,
    /// `details.objectionsToNewTools`, as sent.
    pub objections_to_new_tools: Option<String>,
    /// `details.painPoints`, as sent.
    pub pain_points: Option<String>,
    /// `details.personalMotivations`, as sent.
    pub personal_motivations: Option<String>,
    /// `details.preferredVendors`, as sent.
    pub preferred_vendors: Option<String>,
    /// `details.techSavviness`, as sent.
    pub tech_savviness: Option<f64>,
    /// `details.yearsOfExperience`, as sent.
    pub years_of_experience: Option<f64>,
    /// Whether every event that touched this row was an example of the catalogue.
    pub is_example: bool,
    /// Register of the event that the attributes come from; `None` while only the id has been seen.
    pub attributes_stamp: Option<String>,
    /// Position of the event that the attributes come from.
    pub last_position: Option<i64>,
}

/// No relations: see the crate's documentation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
