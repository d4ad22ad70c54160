//! Boxes as they are kept and sent: JSON `[[left, top, width, height], …]`, in pixels.

use deid::pixels::region::Region;

/// Boxes on one image at most: nobody draws more, and a detector that finds more has found texture.
pub const BOXES_MAX: usize = 64;

/// As they are kept.
pub fn to_json(regions: &[Region]) -> String {
    let boxes: Vec<String> =
        regions.iter().map(|r| format!("[{},{},{},{}]", r.left, r.top, r.width, r.height)).collect();
    format!("[{}]", boxes.join(","))
}

/// Reads them; `None`: they cannot be read, or are more than may be.
pub fn of_json(text: &str) -> Option<Vec<Region>> {
    let boxes: Vec<[u32; 4]> = serde_json::from_str(text).ok()?;
    let region = |[left, top, width, height]: [u32; 4]| Region { left, top, width, height };
    (boxes.len() <= BOXES_MAX).then(|| boxes.into_iter().map(region).collect())
}

/// The part of a box that lies on an image of this size; `None` where none does.
pub fn within(region: Region, width: u32, height: u32) -> Option<Region> {
    let right = region.left.saturating_add(region.width).min(width);
    let bottom = region.top.saturating_add(region.height).min(height);
    let (left, top) = (region.left.min(right), region.top.min(bottom));
    let inside = Region { left, top, width: right - left, height: bottom - top };
    (inside.width > 0 && inside.height > 0).then_some(inside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn region() -> impl Strategy<Value = Region> {
        any::<[u32; 4]>().prop_map(|[left, top, width, height]| Region { left, top, width, height })
    }

    proptest! {
        #[test]
        fn boxes_come_back(regions in prop::collection::vec(region(), 0..BOXES_MAX)) {
            prop_assert_eq!(of_json(&to_json(&regions)), Some(regions));
        }

        #[test]
        fn what_lies_on_the_image_stays_there(region in region(), width in 0..70_000_u32, height in 0..70_000_u32) {
            if let Some(inside) = within(region, width, height) {
                prop_assert!(inside.left >= region.left && inside.top >= region.top);
                prop_assert!(inside.left + inside.width <= width && inside.top + inside.height <= height);
                prop_assert_eq!(within(inside, width, height), Some(inside));
            }
        }
    }

    #[test]
    fn what_is_no_list_of_boxes_is_none() {
        let many = to_json(&[Region { left: 0, top: 0, width: 1, height: 1 }; BOXES_MAX + 1]);
        for text in ["", "{}", "[[1,2,3]]", "[[1,2,3,-4]]", &many] {
            assert_eq!(of_json(text), None, "{text}");
        }
    }
}
