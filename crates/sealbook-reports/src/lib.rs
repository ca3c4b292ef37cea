//! Outcomes to PDF, OSCAL, CSV and text.
