"""The store: trees as packs in a bucket, which servers fetch themselves, and from which releases can be made again."""
