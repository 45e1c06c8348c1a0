"""The articles that the machine itself rests on; a matter's own stand in its limits.

行政许可法 = 中华人民共和国行政许可法 (2019 修正); 民事诉讼法 = 2023 修正.
"""

NOT_REQUIRED = "行政许可法第三十二条第一款第（一）项"
NOT_COMPETENT = "行政许可法第三十二条第一款第（二）项"
CORRECT_ON_SPOT = "行政许可法第三十二条第一款第（三）项"
NOTICE = "行政许可法第三十二条第一款第（四）项"
ACCEPT = "行政许可法第三十二条第一款第（五）项"
INSPECTION = "行政许可法第三十四条第三款"
DECISION = "行政许可法第三十四条第二款"
REASONS = "行政许可法第三十八条第二款"
EXTENSION = "行政许可法第四十二条"
DELIVERY = "行政许可法第四十四条"
PROCEDURE = "行政许可法第四十五条"
HEARING_HOST = "行政许可法第四十八条第一款第（三）项"
ELECTRONIC_SERVICE = "民事诉讼法第九十条"
RATING = "国务院办公厅关于建立政务服务“好差评”制度提高政务服务水平的意见"
CASE = "办件状态"
"""Basis of a *no* that follows from where the case stands, not from an article."""
