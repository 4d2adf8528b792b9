"""The addresses of the API."""

from django.urls import path

from orders.api import views

urlpatterns = [
    path("orders", views.Orders.as_view()),
    path("orders/quote", views.Quotes.as_view()),
    path("orders/<uuid:order_id>", views.OneOrder.as_view()),
]
