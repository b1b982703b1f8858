//! An API made of nouns, and the documents that it is exported as.
