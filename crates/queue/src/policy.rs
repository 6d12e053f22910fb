//! Who may have how much leased at once, and how tenants take turns.

use cofferdam_ids::{PoolName, TenantId};

/// Limits on what is leased at once. What is not listed is unlimited; a weight not listed is 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimPolicy {
    /// The most leases of a tenant at once, and its weight (at least 1): with weight 2 it gets twice the share.
    pub tenants: Vec<(TenantId, TenantPolicy)>,
    /// Slots of a tenant's pool.
    pub pools: Vec<(TenantId, PoolName, u32)>,
}

/// The share of one tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TenantPolicy {
    /// The most leases at once.
    pub max_leased: Option<u32>,
    /// Its weight, at least 1.
    pub weight: u32,
}

/// What one claimed message adds to the pass of a tenant with weight 1. It has many divisors, so that small weights share
/// exactly.
pub(crate) const STRIDE: u64 = 720_720;

/// Beyond this the passes start again from 0: they must stay exact in the numbers of Lua, which are doubles.
pub(crate) const PASS_MAX: u64 = 1 << 51;

/// The most delayed messages that one call moves to the ready ones, so that no call takes long.
pub(crate) const PROMOTE_MAX: usize = 1_000;

impl TenantPolicy {
    /// What one claimed message adds to the tenant's pass.
    pub(crate) fn stride(weight: u32) -> u64 {
        STRIDE / u64::from(weight.max(1)).min(STRIDE)
    }
}
