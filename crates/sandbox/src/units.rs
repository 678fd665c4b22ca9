//! Administrative units and who is in them. Members come one at a time; those of a dynamic unit follow
//! its rule.

use crate::call::Call;
use crate::directory::set;
use crate::error::{GraphError, Outcome};
use crate::http::Reply;
use crate::list;
use crate::source::Source;
use crate::tenant::{self, Object, text};

pub(crate) fn list(call: &mut Call<'_>) -> Outcome {
    let items = Source::Table("administrativeUnit", &call.tenant.administrative_units);
    list::many(
        call,
        set("administrativeUnit", "directory/administrativeUnits"),
        items,
    )
}

fn unit<'a>(call: &'a Call<'_>) -> Outcome<&'a Object> {
    let id = call.param(0);
    let unit = call.tenant.administrative_units.get(id);
    unit.ok_or_else(|| GraphError::not_found(id))
}

pub(crate) fn members(call: &mut Call<'_>) -> Outcome {
    let ids: Vec<_> = tenant::ids(unit(call)?, "members").collect();
    let items = Source::Linked(call.tenant, ids);
    list::many(call, set("directoryObject", "directoryObjects"), items)
}

/// Returns the unit's id, if members can be put into it by hand.
fn assigned(call: &Call<'_>) -> Outcome<String> {
    let unit = unit(call)?;
    match text(unit, "membershipType") {
        "Dynamic" => Err(GraphError::bad(
            "Members of a dynamic administrative unit cannot be changed.",
        )),
        _ => Ok(text(unit, "id").to_owned()),
    }
}

pub(crate) fn add_member(call: &mut Call<'_>) -> Outcome {
    let id = assigned(call)?;
    let member = call.reference()?;
    call.target(&member)?;
    let unit = call.tenant.administrative_units.get_mut(&id);
    if !unit.is_some_and(|unit| tenant::link(unit, "members", &member)) {
        return Err(GraphError::already_linked("members"));
    }
    Ok(Reply::no_content())
}

pub(crate) fn remove_member(call: &mut Call<'_>) -> Outcome {
    let (id, member) = (assigned(call)?, call.param(1).to_owned());
    let unit = call.tenant.administrative_units.get_mut(&id);
    if !unit.is_some_and(|unit| tenant::unlink(unit, "members", &member)) {
        return Err(GraphError::not_found(&member));
    }
    Ok(Reply::no_content())
}
