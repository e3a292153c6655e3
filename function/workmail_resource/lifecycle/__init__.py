"""What each request type does: Create, Update, Delete, and adoption."""
