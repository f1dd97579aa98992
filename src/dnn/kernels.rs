//! Which of tract's kernels multiplies matrices in a browser. Its own choice, 8 × 8 sums, is the fastest where there are 32 vector
//! registers, as on ARM; an x86-64 engine has 15 to give, and spills most of the sums at every step. With 4 × 4, four vectors of
//! sums, each step waits for the one before. 32 × 1, meant for vectors, has eight of them, and nothing to spill: of 200,000 rows it
//! took 0.44 s, 4 × 4 0.48. A module cannot ask which of them it runs on; it was measured on x86-64 alone.

use tract_linalg::isa::{Arch, IsaSet};
use tract_linalg::mmm::{Query, Suitable};
use tract_linalg::mmm_tiers::MmmTier;
use tract_onnx::tract_core::internal::{DatumType, inventory, tract_linalg};

inventory::submit! {
    MmmTier { arch: Some(Arch::Wasm32Simd128), precedence: 9, name: "few registers", applies: |_| true, preferred }
}

fn preferred(_: &IsaSet, datum: DatumType, query: &Query, _: &[Suitable]) -> Option<&'static str> {
    (datum == DatumType::F32 && query.n != Some(1)).then_some("wasm_f32_32x1")
}

/// A linker leaves out what nothing refers to, the entry above with it.
pub fn prefer() {
    std::hint::black_box(preferred as *const ());
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_linalg::MmmDispatch;
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn tract_hears_what_is_preferred() {
        prefer();
        let kernel = |n| MmmDispatch::native().preferred_kernel(DatumType::F32, Some(256), Some(122), Some(n));
        let name = |n| kernel(n).map(|kernel| kernel.name().to_owned());
        assert_eq!(name(128).as_deref(), Some("wasm_f32_32x1"));
        // One output is left to what is made for it.
        assert!(name(1).is_some_and(|name| name.starts_with("wasm_f32_") && name.ends_with("x1")));
    }
}
