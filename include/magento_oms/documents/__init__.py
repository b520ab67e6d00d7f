"""Invoices, labels and manifests as PDF on A4, and reading them back before they are released.

Rendering is done one document at a time in a process: reportlab keeps state in its fonts.
"""
