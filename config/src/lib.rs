//! From TOML files to a complete plan, or to every mistake with its place.

mod plan;

pub use plan::{
    BrokerFormat, BrokerPlan, BufferPlan, Deadband, DevicePlan, GatewayPlan, GroupPlan, LinkPlan,
    PasswordSource, Plan, Report, StatusPlan, TagPlan, Transport,
};
