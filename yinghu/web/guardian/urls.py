"""URLs of guardian tags."""

from yinghu.web.guardian import finder_urls, people_urls, tag_urls

urlpatterns = [*finder_urls.urlpatterns, *people_urls.urlpatterns, *tag_urls.urlpatterns]
