//! What happens beside everyday traffic, one file per subject.

pub(crate) mod access;
pub(crate) mod baseline;
pub(crate) mod elevations;
pub(crate) mod exceptions;
pub(crate) mod people;
pub(crate) mod response;
pub(crate) mod reviews;
pub(crate) mod rotations;

use crate::plan::Plan;

/// Plans everything but the faults and what depends on them.
pub(crate) fn tell(plan: &mut Plan) {
    baseline::components(plan);
    baseline::people(plan);
    baseline::owners(plan);
    baseline::policies(plan);
    baseline::access_of_people(plan);
    baseline::machines(plan);
    people::joiners_and_leavers(plan);
    people::machines_come_and_go(plan);
    people::agent_drill(plan);
    access::requests(plan);
    access::agent_actions(plan);
    access::decision_service_away(plan);
    elevations::just_in_time(plan);
    elevations::break_glass(plan);
    exceptions::exceptions(plan);
    response::anomalies(plan);
    response::leaks(plan);
    response::upkeep(plan);
    reviews::decisions_made_again(plan);
}

/// Plans what looks at everybody, those of the faults included.
pub(crate) fn round_up(plan: &mut Plan) {
    rotations::rotations(plan);
    reviews::reviews(plan);
}
