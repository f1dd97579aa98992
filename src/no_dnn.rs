//! What stands in for `dnn.rs` in a build without the feature `onnx`: no network can be loaded, so none is ever run.

use crate::dense::Dense;
use crate::error::{Error, Result};
use ndarray::ArrayView2;

/// No value of it can be made.
#[derive(Clone)]
pub struct Network(std::convert::Infallible);

impl Network {
    /// # Errors
    /// Always.
    pub fn from_onnx(_: &[u8], _: usize) -> Result<Self> {
        Err(Error::new("This build of Oddflow cannot run networks").advice("Use a build with the feature onnx"))
    }

    #[must_use]
    pub fn n_inputs(&self) -> usize {
        match self.0 {}
    }

    #[must_use]
    pub fn has_autoencoder(&self) -> bool {
        match self.0 {}
    }

    #[must_use]
    pub fn is_portable(&self) -> bool {
        match self.0 {}
    }

    #[must_use]
    pub fn chains(&self) -> Option<(&Dense, Option<&Dense>)> {
        match self.0 {}
    }

    /// # Errors
    /// Never, since there is no network.
    pub fn probability(&self, _: ArrayView2<'_, f32>, _: &mut [f32]) -> Result<()> {
        match self.0 {}
    }

    /// # Errors
    /// Never, since there is no network.
    pub fn run(&self, _: ArrayView2<'_, f32>, _: &mut [f32], _: &mut [f32]) -> Result<()> {
        match self.0 {}
    }
}
