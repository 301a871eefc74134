"""Settings of the business."""
