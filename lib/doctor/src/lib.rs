//! Whether a stack is fit.
