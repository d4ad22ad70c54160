//! Forms as they are sent: fields by name, taken only with the session's own mark.

use super::page::Problem;
use super::session::SignedIn;
use super::{Arc, Desk};
use axum::extract::{Form, FromRequest, Request};
use axum::response::{IntoResponse, Response};
use deid::pixels::region::Region;

/// Fields of a form at most.
const FIELDS_MAX: usize = 400;

/// The fields of a form, in the order in which they were sent.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The first value of that name; empty where there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value.as_str())
    }

    /// All values of that name.
    pub(super) fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The boxes: four numbers each; a box without any number is none. `None`: something else stands there.
    pub(super) fn boxes(&self) -> Option<Vec<Region>> {
        let [left, top, width, height] =
            ["left", "top", "width", "height"].map(|name| self.all(name).map(str::trim).collect::<Vec<_>>());
        if [top.len(), width.len(), height.len()] != [left.len(); 3] {
            return None;
        }
        let mut regions = Vec::new();
        for (((left, top), width), height) in left.iter().zip(&top).zip(&width).zip(&height) {
            if [left, top, width, height].iter().all(|text| text.is_empty()) {
                continue;
            }
            regions.push(Region {
                left: left.parse().ok()?,
                top: top.parse().ok()?,
                width: width.parse().ok().filter(|n| *n > 0)?,
                height: height.parse().ok().filter(|n| *n > 0)?,
            });
        }
        Some(regions)
    }
}

/// A form that was sent from a page of this very session.
pub(super) struct Posted {
    pub(super) by: SignedIn,
    pub(super) fields: Fields,
}

impl FromRequest<Arc<Desk>> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, desk: &Arc<Desk>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let by = SignedIn::of(&mut parts, desk).await?;
        let request = Request::from_parts(parts, body);
        let fields = fields_of(request, desk).await?;
        if !by.token.is_own_form(fields.get("form")) {
            return Err(Problem::Forbidden.into_response());
        }
        Ok(Self { by, fields })
    }
}

/// The fields of a form, whoever sent it.
pub(super) async fn fields_of(request: Request, desk: &Arc<Desk>) -> Result<Fields, Response> {
    let Form(fields) = Form::<Vec<(String, String)>>::from_request(request, desk)
        .await
        .map_err(IntoResponse::into_response)?;
    if fields.len() > FIELDS_MAX {
        return Err(Problem::Forbidden.into_response());
    }
    Ok(Fields(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        Fields(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn boxes_are_four_numbers_each_and_an_empty_one_is_none() {
        let one = [("left", "1"), ("top", " 2 "), ("width", "3"), ("height", "4")];
        let none = [("left", ""), ("top", ""), ("width", ""), ("height", "")];
        let drawn = Region { left: 1, top: 2, width: 3, height: 4 };
        assert_eq!(fields(&[one, none].concat()).boxes(), Some(vec![drawn]));
        assert_eq!(fields(&[]).boxes(), Some(vec![]));
        for (at, bad) in [(0, "-1"), (2, "0"), (3, "x"), (1, ""), (1, "99999999999")] {
            let mut wrong = one;
            wrong[at].1 = bad;
            assert_eq!(fields(&wrong).boxes(), None, "{wrong:?}");
        }
        assert_eq!(fields(&one[..3]).boxes(), None);
    }
}
